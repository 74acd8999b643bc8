"""A source's privacy rules, from the owner's change to what the upstream gets."""

import base64
import itertools
import json
from collections.abc import Iterator

import pytest

from tests.running import RunningDemo, until

_numbers = itertools.count()


@pytest.fixture
def strict(demo: RunningDemo) -> Iterator[str]:
    """A write key whose source keeps little; its rules are taken back afterwards."""
    source = demo.source("javascript")
    rules = {"ip": "drop", "honour_gpc": True, "drop_fields": ["properties.email"]}
    with demo.rest() as rest:
        changed = rest.patch(f"/api/v1/sources/{source['id']}", json={"privacy": rules})
        assert changed.status_code == 200, changed.text
        yield source["write_key"]
        rest.patch(f"/api/v1/sources/{source['id']}", json={"privacy": {}})


def send(demo: RunningDemo, write_key: str, **headers: str) -> str:
    name = f"privacy-{next(_numbers)}"
    message = {
        "type": "track",
        "event": "x",
        "userId": "u",
        "messageId": name,
        "context": {"ip": "203.0.113.9"},
        "properties": {"email": "ann@example.test", "total": 1.50},
    }
    authorization = base64.b64encode(f"{write_key}:".encode()).decode()
    answer = demo.request(
        "POST",
        f"{demo.api_origin}/v1/t",
        headers={"authorization": f"Basic {authorization}", **headers},
        body=json.dumps(message).encode(),
    )
    assert answer.json() == {"success": True}
    return name


def test_what_the_rules_name_never_reaches_the_upstream(demo: RunningDemo, strict: str) -> None:
    def sent_and_clean() -> bool:
        name = send(demo, strict)
        until(lambda: name in demo.received_ids())
        (line,) = (one for one in demo.received() if one["message"]["messageId"] == name)
        return "email" not in line["message"]["properties"]

    until(sent_and_clean)  # the rules are known at the edge
    signalled, plain = send(demo, strict, **{"sec-gpc": "1"}), send(demo, strict)
    until(lambda: plain in demo.received_ids())
    (line,) = (one for one in demo.received() if one["message"]["messageId"] == plain)

    assert signalled not in demo.received_ids()
    assert line["message"]["properties"] == {"total": 1.5}
    assert "ip" not in line["message"].get("context", {})
