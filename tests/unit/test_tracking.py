"""What the tracking API answers to what, as SDKs and browsers need it."""

import gzip
import json
from ipaddress import ip_address
from typing import Any

import pytest

from firstparty.ingest.figures import Figures
from firstparty.model.hosts import PROBE_AGENT
from firstparty.model.messages import MAX_BATCH_BYTES, MAX_MESSAGE_BYTES, Encoding, Path
from firstparty.model.privacy import PrivacyRules
from firstparty.serve.metrics.ingest import collect_ingest
from firstparty.spool.traffic import ACKNOWLEDGED, REFUSED
from tests.ingest_rig import HOST, Rig, a_request, basic

WEB = b'{"writeKey":"WKWEB"}'
BATCH = b'{"writeKey":"WKWEB","batch":[{"type":"track"}]}'
BOMB = gzip.compress(b'{"batch":["' + b"x" * 20_000_000 + b'"]}')
OK = (200, None)


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        (a_request(target="/v1/t"), OK),
        (a_request(target="/v1/import/", body=BATCH), OK),
        (a_request(target="//v1/batch", body=BATCH), OK),
        (a_request(target="/v1/track?x=1"), OK),
        (a_request(host=f"{HOST.upper()}:19443"), OK),
        (a_request(body=b"{}", Authorization=basic("WKWEB")), OK),
        (a_request(body=b"{}", Authorization=basic("WKWEB", colon="")), OK),
        (a_request(body=b"{}", Authorization=basic("WKWEB").replace("Basic", "basic")), OK),
        (a_request(body=WEB, Authorization="Bearer token"), OK),
        (a_request(body=WEB, Authorization=basic("WKOTHER")), OK),
        (a_request(body=b'{"writeKey":"WKOTHER"}', Authorization=basic("WKWEB")), OK),
        (a_request(body=WEB, Content_Type="text/plain"), OK),
        (a_request(target="/v1/b", body=gzip.compress(BATCH), Content_Encoding="gzip"), OK),
        (a_request(target="/v1/batch", body=b'{"writeKey":"WKWEB","batch":[1]}'), OK),
        (a_request(target="/v1/m", body=b'{"series":[]}'), OK),
        (a_request(target="/v1/t", method="GET", body=None), (405, "method_not_allowed")),
        (a_request(target="/v1/batch", method="PUT"), (405, "method_not_allowed")),
        (a_request(target="/v1/pixel/track", body=WEB), (405, "method_not_allowed")),
        (a_request(target="/v1/tracks"), (404, "unknown_path")),
        (a_request(target="/"), (404, "unknown_path")),
        (a_request(target="/v1/projects/x/settings", method="GET"), (404, "unknown_path")),
        (a_request(host="api.other.test"), (404, "unknown_host")),
        (a_request(body=b"{}"), (401, "no_write_key")),
        (a_request(body=b'{"writeKey":7}'), (401, "no_write_key")),
        (a_request(body=b"{}", Authorization="Bearer token"), (401, "no_write_key")),
        (a_request(body=b"{}", Authorization="Basic ///"), (401, "unknown_write_key")),
        (a_request(body=b"{}", Authorization=basic("WKOTHER")), (401, "unknown_write_key")),
        (a_request(body=b'{"writeKey":"WKOTHER"}'), (401, "unknown_write_key")),
        (a_request(body=b""), (400, "empty_body")),
        (a_request(body=b'{"writeKey":"WKWEB","event":"half \\ud83d"}'), (200, None)),
        (a_request(body=b'{"writeKey":"WKWEB"'), (400, "invalid_json")),
        (a_request(body=b'{"writeKey":"WKWEB","a":NaN}'), (400, "invalid_json")),
        (a_request(body=b'{"writeKey":"WKWEB","a":"\xff"}'), (400, "invalid_json")),
        (a_request(body=b'{"a":' + b"[" * 20_000), (400, "invalid_json")),
        (a_request(body=WEB + b"{}"), (400, "invalid_json")),
        (a_request(body=b"[]"), (400, "not_an_object")),
        (a_request(target="/v1/batch", body=WEB), (400, "no_batch")),
        (a_request(target="/v1/batch", body=b'{"batch":{}}'), (400, "no_batch")),
        (a_request(body=WEB, Content_Encoding="gzip"), (400, "invalid_gzip")),
        (a_request(body=gzip.compress(WEB)[:-1], Content_Encoding="gzip"), (400, "invalid_gzip")),
        (a_request(body=gzip.compress(WEB) * 2, Content_Encoding="gzip"), (400, "invalid_gzip")),
        (a_request(body=WEB, Content_Encoding="br"), (415, "unsupported_encoding")),
        (a_request(target="/v1/b", body=BOMB, Content_Encoding="gzip"), (413, "batch_too_large")),
        (a_request(body=b'{"a":"' + b"x" * MAX_MESSAGE_BYTES), (413, "message_too_large")),
        (a_request(target="/v1/b", body=b"x" * (MAX_BATCH_BYTES + 1)), (413, "batch_too_large")),
        (a_request(body=b"x" * (MAX_BATCH_BYTES * 2 + 1)), (413, "body_too_large")),
        (a_request(body=WEB, Expect="tea"), (417, "unknown_expectation")),
    ],
)
async def test_each_request_gets_its_answer(
    request_bytes: bytes, expected: tuple[int, str | None]
) -> None:
    rig = Rig()

    answer = await rig.ask_once(request_bytes)

    status, code = expected
    assert answer.status == status
    assert answer.headers["content-type"] == "application/json"
    if code is None:
        assert answer.body == b'{"success": true}'
    else:
        assert answer.json["success"] is False
        assert answer.json["code"] == code
        assert answer.json["message"]
        assert answer.json["error"]
        assert rig.appender.entries == []
        assert rig.tracking.counts[f"refused.{code}"] == 1


async def test_a_batch_of_many_small_messages_is_taken_whole() -> None:
    rig = Rig()
    messages = [{"type": "track", "n": number} for number in range(5_000)]
    body = json.dumps({"writeKey": "WKWEB", "batch": messages}).encode()

    answer = await rig.ask_once(a_request(target="/v1/batch", body=body))

    assert answer.status == 200
    assert rig.appender.entries[0].body == body


async def test_the_log_keeps_the_body_as_it_came_and_who_sent_it() -> None:
    rig = Rig()
    body = gzip.compress(BATCH)
    request = a_request(
        target="/v1/batch",
        body=body,
        Content_Encoding="gzip",
        User_Agent="sdk/1 \xe9",
        X_Real_IP="2001:db8::7",
        Cookie="session=secret",
    )

    await rig.ask(request, request)

    first, second = rig.appender.entries
    assert (first.source, first.path, first.encoding) == (6, Path.BATCH, Encoding.GZIP)
    assert first.body == body
    assert first.client_address == ip_address("2001:db8::7")
    assert "sdk/1" in first.user_agent
    assert first.id != second.id
    assert b"secret" not in rig.appender.groups[0]


async def test_metrics_are_answered_and_not_stored() -> None:
    rig = Rig()

    answer = await rig.ask_once(a_request(target="/v1/m", body=b'{"series":[]}'))

    assert answer.status == 200
    assert rig.appender.entries == []
    assert rig.tracking.counts["metrics_dropped"] == 1


async def test_nobody_is_told_of_success_before_the_log_has_answered() -> None:
    rig = Rig()
    rig.appender.is_held = True
    client = rig.connect()

    client.send(a_request())
    await rig.settle()

    assert client.answers == []
    rig.appender.release()
    await rig.settle()
    assert [answer.status for answer in client.answers] == [200]


async def test_what_arrives_during_a_commit_goes_into_the_next_one_together() -> None:
    rig = Rig()
    rig.appender.is_held = True
    clients = [rig.connect() for _ in range(5)]

    for client in clients:
        client.send(a_request())
        await rig.settle()
    assert len(rig.appender.in_flight) == 1
    rig.appender.is_held = False
    rig.appender.release()
    await rig.settle()

    assert [len(client.answers) for client in clients] == [1] * 5
    assert len(rig.appender.groups) == 2
    assert len(rig.appender.entries) == 5


async def test_a_group_is_bounded_by_bytes() -> None:
    rig = Rig()
    rig.appender.max_group_bytes = 50_000
    body = b'{"writeKey":"WKWEB","a":"' + b"x" * 20_000 + b'"}'
    clients = [rig.connect() for _ in range(6)]

    for client in clients:
        client.send(a_request(body=body))
    for _ in range(6):
        await rig.settle()

    assert all(answer.status == 200 for client in clients for answer in client.answers)
    assert len(rig.appender.entries) == 6
    assert max(map(len, rig.appender.groups)) <= 50_000


async def test_when_the_log_is_down_everyone_in_the_group_is_told_to_come_back() -> None:
    rig = Rig()
    rig.appender.is_down = True
    clients = [rig.connect() for _ in range(3)]
    for client in clients:
        client.send(a_request(Origin="https://shop.example.test"))
    await rig.settle()

    for client in clients:
        (answer,) = client.answers
        assert (answer.status, answer.json["code"]) == (503, "not_stored")
        assert answer.headers["retry-after"] == "2"
        assert answer.headers["access-control-allow-origin"] == "https://shop.example.test"

    rig.appender.is_down = False
    assert (await rig.ask_once(a_request())).status == 200


async def test_before_the_log_is_open_requests_get_503() -> None:
    rig = Rig()
    rig.committer._appender = None

    answer = await rig.ask_once(a_request())

    assert (answer.status, answer.json["code"]) == (503, "not_stored")


async def test_what_became_of_requests_is_told_to_prometheus() -> None:
    rig = Rig()
    figures = Figures()
    before = list(collect_ingest(figures))
    figures.follow(rig.tracking)

    await rig.ask(a_request(), a_request(body=b"x"))

    told = {
        (one.metric.name, one.labels.get("outcome")): one.value for one in collect_ingest(figures)
    }
    requests = "firstparty_ingest_requests_total"
    assert [one.value for one in before] == [0, 0, 0]
    assert told[requests, "accepted"] == 1
    assert told[requests, "refused.invalid_json"] == 1


async def test_what_becomes_of_requests_is_counted_by_host_and_source_but_not_our_probes() -> None:
    rig = Rig()
    for request in (
        a_request(),
        a_request(body=b"{", Authorization=basic("WKWEB")),
        a_request(body=b'{"writeKey":"nobody"}'),
        a_request(User_Agent=PROBE_AGENT),
    ):
        await rig.ask(request)
    traffic = rig.tracking.lanes.traffic
    both = traffic.cells("domain-dom_1", "source-6")
    host = traffic.cells("domain-dom_1")

    assert sum(both[name] for name in ACKNOWLEDGED) == 1
    assert [name for name in both if name.startswith(REFUSED)] == ["refused.invalid_json"]
    assert dict(host) == {"refused.unknown_write_key": 1}


@pytest.mark.parametrize(
    "parts",
    [
        {"messages_per_second": 100},
        {"privacy": PrivacyRules(honour_gpc=True)},
        {"privacy": PrivacyRules(drop_fields=("properties.email",))},
    ],
)
@pytest.mark.parametrize("depth", [500, 990, 1_015, 100_000])
async def test_a_body_nested_however_deeply_is_answered(parts: dict[str, Any], depth: int) -> None:
    nested = b"[" * depth + b"]" * depth
    body = b'{"writeKey":"WKWEB","batch":[{},{"p":%b}],"x":"%b"}' % (nested, b"x" * 9_000)
    rig = Rig(**parts)

    answer = await rig.ask_once(a_request(target="/v1/batch", body=body, Sec_GPC="1"))

    assert answer.status == 200 or answer.json["code"] == "invalid_json"
    assert answer.status == 200 or rig.appender.entries == []
    assert (await rig.ask_once(a_request(target="/v1/batch", body=BATCH))).status == 200
