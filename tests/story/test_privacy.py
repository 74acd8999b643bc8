"""A source's privacy rules, from the owner's change to what the upstream gets."""

import base64
import gzip
import itertools
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.running import RunningDemo, find_files_with, until

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


def send(
    demo: RunningDemo,
    write_key: str,
    *,
    mail: str = "ann@example.test",
    address: str = "203.0.113.9",
    **headers: str,
) -> str:
    message = build_message(mail, address)
    post(demo, write_key, "/v1/t", json.dumps(message).encode(), **headers)
    return str(message["messageId"])


def send_batch(demo: RunningDemo, write_key: str, *, mail: str, address: str) -> str:
    message = build_message(mail, address)
    body = gzip.compress(json.dumps({"batch": [message]}).encode())
    post(demo, write_key, "/v1/batch", body, **{"content-encoding": "gzip"})
    return str(message["messageId"])


def build_message(mail: str, address: str) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "x",
        "userId": "u",
        "messageId": f"privacy-{next(_numbers)}",
        "context": {"ip": address},
        "properties": {"email": mail, "total": 1.50},
    }


def post(demo: RunningDemo, write_key: str, path: str, body: bytes, **headers: str) -> None:
    authorization = base64.b64encode(f"{write_key}:".encode()).decode()
    answer = demo.request(
        "POST",
        f"{demo.api_origin}{path}",
        headers={"authorization": f"Basic {authorization}", **headers},
        body=body,
    )
    assert answer.json() == {"success": True}


def is_clean(demo: RunningDemo, write_key: str) -> bool:
    """Whether the rules are known at the edge: to each ingest process, and many are asked."""
    names = {send(demo, write_key) for _ in range(12)}
    until(lambda: names <= demo.received_ids())
    messages = [line["message"] for line in demo.received()]
    return not any("email" in one["properties"] for one in messages if one["messageId"] in names)


def is_on_disk(demo: RunningDemo, text: str) -> bool:
    return bool(find_files_with(demo.state / "log", text))


def test_what_the_rules_name_is_never_written_to_the_disk(demo: RunningDemo, strict: str) -> None:
    until(lambda: is_clean(demo, strict))
    demo.control_upstream("down")  # so that what is written stays
    try:
        mail, address = f"{uuid.uuid4()}@example.test", "198.51.100.77"
        kept = [
            send(demo, strict, mail=mail, address=address),
            send_batch(demo, strict, mail=mail, address=address),
        ]
        signalled = send(demo, strict, mail=mail, **{"sec-gpc": "1"})
        until(lambda: all(is_on_disk(demo, name) for name in kept))

        assert not is_on_disk(demo, mail)
        assert not is_on_disk(demo, signalled)
        assert not is_on_disk(demo, address)
    finally:
        demo.control_upstream("ok")
    until(lambda: set(kept) <= demo.received_ids())


def test_what_the_rules_name_never_reaches_the_upstream(demo: RunningDemo, strict: str) -> None:
    until(lambda: is_clean(demo, strict))
    signalled, plain = send(demo, strict, **{"sec-gpc": "1"}), send(demo, strict)
    until(lambda: plain in demo.received_ids())
    (line,) = (one for one in demo.received() if one["message"]["messageId"] == plain)

    assert signalled not in demo.received_ids()
    assert line["message"]["properties"] == {"total": 1.5}
    assert "ip" not in line["message"].get("context", {})
