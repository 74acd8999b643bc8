"""What a pixel becomes, and what it is answered."""

import base64
import json

import pytest

from firstparty.model.messages import Path
from tests.ingest_rig import Rig, a_request


async def test_a_pixel_becomes_the_message_that_an_sdk_would_send() -> None:
    rig = Rig()
    target = "/v1/pixel/track?writeKey=WKWEB&event=Email%20Opened&userId=u+1&properties.subject=Hi"

    answer = await rig.ask_once(a_request("GET", target, body=None, User_Agent="Mail/1"))

    assert answer.status == 200
    assert answer.headers["content-type"] == "image/gif"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.body[:6] == b"GIF89a"
    (entry,) = rig.appender.entries
    assert (entry.path, entry.source) == (Path.TRACK, 6)
    assert json.loads(entry.body) == {
        "writeKey": "WKWEB",
        "event": "Email Opened",
        "userId": "u 1",
        "properties": {"subject": "Hi"},
        "context": {"userAgent": "Mail/1"},
    }


@pytest.mark.parametrize("padding", ["", "=="])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
async def test_pixel_data_is_base64_of_either_alphabet_padded_or_not(
    padding: str, encode: object
) -> None:
    assert callable(encode)
    message = {"writeKey": "WKWEB", "event": "ü??>>~~", "context": {"userAgent": "own"}}
    data = encode(json.dumps(message, ensure_ascii=False).encode()).decode().rstrip("=") + padding
    rig = Rig()

    await rig.ask(a_request("GET", f"/v1/pixel/page?data={data}", body=None, User_Agent="Mail/1"))

    (entry,) = rig.appender.entries
    assert json.loads(entry.body) == message


@pytest.mark.parametrize(
    "target",
    [
        "/v1/pixel/track",
        "/v1/pixel/nonsense?writeKey=WKWEB",
        "/v1/pixel/?writeKey=WKWEB",
        "/v1/pixel",
        "/v1/pixel/track?data=%%%",
        "/v1/pixel/track?data=bm90IGpzb24",
        "/v1/pixel/track?writeKey=WKOTHER",
        "/v1/pixel/track?writeKey=WKWEB&a=1&a.b=2",
        "/v1/pixel/track?writeKey=WKWEB&a=" + "x" * 33_000,
    ],
)
async def test_a_bad_pixel_still_gets_its_image_and_is_counted(target: str) -> None:
    rig = Rig()

    answer = await rig.ask_once(a_request("GET", target, body=None))

    assert (answer.status, answer.body[:6]) == (200, b"GIF89a")
    assert rig.appender.entries == []
    assert sum(rig.tracking.counts.values()) == 1


async def test_a_pixel_that_cannot_be_stored_gets_503_with_the_image() -> None:
    rig = Rig()
    rig.appender.is_down = True

    answer = await rig.ask_once(
        a_request("GET", "/v1/pixel/track?writeKey=WKWEB&event=x", body=None)
    )

    assert (answer.status, answer.body[:6]) == (503, b"GIF89a")
    assert answer.headers["retry-after"] == "2"


async def test_a_pixel_asked_for_by_head_is_answered_and_nothing_stored() -> None:
    rig = Rig()

    answer = await rig.ask_once(
        a_request("HEAD", "/v1/pixel/track?writeKey=WKWEB&event=x", body=None)
    )

    assert answer.status == 200
    assert answer.headers["content-type"] == "image/gif"
    assert answer.body == b""
    assert rig.appender.entries == []
