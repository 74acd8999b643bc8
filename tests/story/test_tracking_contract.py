"""The tracking API's contract through the HTTPS edge.

What ingest says by itself is held elsewhere; here Envoy stands in front of it, as for every client.
"""

from pathlib import Path
from typing import Any

import pytest

from firstparty.model.messages import MAX_MESSAGE_BYTES, PIXEL_IMAGE
from tests.ingest_rig import Answer, basic
from tests.running import RunningDemo, until
from tests.tracking_requests import PAGE, SECRET, Client, accepted, batch, refused


@pytest.fixture(scope="module")
def client(demo: RunningDemo) -> Client:
    return Client(demo, "python")


def is_told(answer: Answer) -> bool:
    """Whether a page of the site can read the answer, and nothing in it tells of what is behind."""
    headers = answer.headers
    return (
        headers.get("access-control-allow-origin") == PAGE
        and headers["access-control-expose-headers"] == "Retry-After"
        and headers["vary"] == "Origin"
        and not {"server", "set-cookie", "x-powered-by"} & set(headers)
        and not any(name.startswith("x-envoy") for name in headers)
    )


def test_what_the_contract_takes_is_answered_200_and_arrives(client: Client) -> None:
    requests = dict(accepted(client))
    answers = {name: client.ask(request) for name, request in requests.items()}
    until(lambda: set(requests) <= client.demo.received_ids())

    assert {name: [one.status for one in each] for name, each in answers.items()} == {
        name: [200] for name in requests
    }
    assert {one.body for (one,) in answers.values()} == {b'{"success": true}', PIXEL_IMAGE}
    assert [name for name, (one,) in answers.items() if not is_told(one)] == []


def test_what_the_contract_refuses_is_told_why_and_never_arrives(client: Client) -> None:
    rows = refused(client)
    answers = {name: client.ask(request) for name, (request, _, _) in rows.items()}
    (last,) = client.ask(client.post(client.message("t3-after-all-that")))
    until(lambda: "t3-after-all-that" in client.demo.received_ids())

    assert {
        name: [(one.status, one.json["code"]) for one in each] for name, each in answers.items()
    } == {name: [(status, code)] for name, (_, status, code) in rows.items()}
    bodies = {name: one.json for name, (one,) in answers.items()}
    assert {(body["success"], body["error"] == body["message"]) for body in bodies.values()} == {
        (False, True)
    }
    assert [name for name, (one,) in answers.items() if not is_told(one)] == []
    assert last.status == 200
    assert "t3-never" not in client.demo.received_ids()


def test_requests_that_come_one_behind_the_other_are_answered_in_their_order(
    client: Client,
) -> None:
    names = [f"t3-pipelined-{number}" for number in range(20)]
    together = b"".join(client.post(client.message(name), Connection="") for name in names)
    answers = client.ask(together + client.post(b""))
    until(lambda: set(names) <= client.demo.received_ids())
    arrived = [one["message"]["messageId"] for one in client.demo.received()]

    assert [answer.status for answer in answers] == [200] * 20 + [400]
    assert [name for name in arrived if name in names] == names


def test_a_pixel_is_an_image_whatever_it_is_asked_for(client: Client) -> None:
    targets = (
        "/v1/pixel/track?data=%zz",
        f"/v1/pixel/track?writeKey={client.key}&a=1&a.b=2",
        f"/v1/pixel/other?writeKey={client.key}",
        "/v1/pixel/track?writeKey=nobody",
        "/v1/pixel",
    )
    answers = [client.ask(client.request("GET", target))[0] for target in targets]
    (head,) = client.ask(client.request("HEAD", "/v1/pixel/track"))

    assert [(answer.status, answer.body) for answer in answers] == [(200, PIXEL_IMAGE)] * len(
        targets
    )
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}
    assert (head.status, head.headers["content-type"]) == (200, "image/gif")


def test_a_preflight_allows_what_the_browser_asks_for(client: Client) -> None:
    wanted = {"Access_Control_Request_Method": "POST"}
    wanted["Access_Control_Request_Headers"] = "authorization,x-retry-count,x-own"
    (own,) = client.ask(client.request("OPTIONS", "/v1/t", **wanted))
    (stranger,) = client.ask(
        client.request("OPTIONS", "/v1/t", **wanted | {"Origin": "https://shop.test.evil.test"})
    )

    assert own.status == stranger.status == 204
    assert own.headers["access-control-allow-headers"] == "authorization,x-retry-count,x-own"
    assert own.headers["access-control-allow-methods"] == "POST, GET, OPTIONS"
    assert own.headers["access-control-max-age"] == "86400"
    assert own.headers["access-control-allow-credentials"] == "true"
    assert "access-control-allow-credentials" not in stranger.headers


def test_who_a_visitor_is_arrives_and_who_a_server_is_does_not(demo: RunningDemo) -> None:
    for type_ in ("javascript", "python"):
        client = Client(demo, type_)
        client.ask(client.post(client.message(f"t3-by-{type_}"), User_Agent="Mozilla/5.0"))
    until(lambda: {"t3-by-javascript", "t3-by-python"} <= demo.received_ids())
    said = {one["message"]["messageId"]: one["message"].get("context") for one in demo.received()}

    assert said["t3-by-javascript"] == {"ip": "127.0.0.1", "userAgent": "Mozilla/5.0"}
    assert said["t3-by-python"] is None


def test_good_messages_arrive_whatever_is_beside_them_and_the_ledger_is_exact(
    demo: RunningDemo,
) -> None:
    client = Client(demo, "node")
    good = [f"t5-good-{number}" for number in range(4)]
    bad = [b"7", b'"text"', b"null", b"[]", client.message("t5-huge", a="x" * MAX_MESSAGE_BYTES)]
    refused_upstream = client.message("t5-poison")[:-1] + b',"a":1e99999}'
    deep = b'{"messageId":"t5-deep","a":' + b"[" * 1_015 + b"]" * 1_015 + b"}"
    texts = [client.message(name) for name in good]
    mixed = batch(client, texts[0], *bad, refused_upstream, texts[1])
    nested = batch(client, texts[2], deep, texts[3], client.message("t5-pad", a="x" * 9_000))
    crowd = [f"t5-crowd-{number}" for number in range(2_501)]
    crowded = batch(client, *(b'{"type":"track","messageId":"%b"}' % one.encode() for one in crowd))
    with demo.rest() as rest:
        asked = {"source": client.source["id"]}
        before = until(lambda: settled(rest, asked))
        old = [letter["id"] for letter in list_dead(rest, asked)]
        answers = [client.ask(client.post(body, "/v1/batch")) for body in (mixed, nested, crowded)]
        until(lambda: {*good, "t5-pad", *crowd} <= demo.received_ids())
        account = until(lambda: settled(rest, asked))
        letters = [letter for letter in list_dead(rest, asked) if letter["id"] not in old]
    reasons = [letter["reason"] for letter in letters]

    assert [one.status for each in answers for one in each] == [200, 200, 200]
    assert account["accepted"] - before["accepted"] == 2_501 + 8 + 4
    assert account["dead"] - before["dead"] == len(letters)
    assert account["accepted"] == account["delivered"] + account["dead"] - account["replayed"]
    assert (
        sum(reason.startswith("unreadable: a message is a JSON object") for reason in reasons) == 4
    )
    assert sum(reason.startswith("too large: ") for reason in reasons) == 1
    assert sum(reason.startswith("refused upstream: 400") for reason in reasons) in {1, 2}
    assert len(letters) in {6, 7}  # the upstream may refuse what is nested so deeply


def list_dead(rest: Any, asked: dict[str, str]) -> Any:
    return rest.get("/api/v1/events/dead", params=asked | {"limit": 100}).json()["items"]


def settled(rest: Any, asked: dict[str, str]) -> Any:
    account = rest.get("/api/v1/events/ledger", params=asked).json()["items"][0]
    return None if account["waiting"] else account


def test_nothing_of_all_that_is_in_any_log(client: Client) -> None:
    said = batch(client, b'"%b"' % SECRET.encode(), client.message("t9-logged"))
    client.ask(client.post(said, "/v1/batch", X_Forwarded_For="203.0.113.77"))
    until(lambda: "t9-logged" in client.demo.received_ids())
    logs = Path(client.demo.state, "logs")
    text = "".join(file.read_text(errors="replace") for file in logs.iterdir())

    assert "forward.dead" in text  # what is logged at all is here
    assert SECRET not in text
    assert client.key not in text
    assert basic(client.key) not in text
    assert "203.0.113.77" not in text
