"""Upstreams that break HTTP's rules, or take for ever: an answer in bounded time and memory."""

from datetime import timedelta

import aiohttp
import pytest

from firstparty.forward.delivery import Answer
from firstparty.forward.upstream import HttpPoster, TrackingUpstream
from firstparty.model.feed import EdgeSource
from tests.builders import NOW
from tests.fakes.hostile_upstream import NO_ANSWER, TAKEN, HostileUpstream, says

SOON = timedelta(seconds=2)
# What a socket's two ends hold at most, and then some: far less than any of the endless ones say.
MAX_BYTES = 24 * 1024**2


@pytest.fixture
async def hostile() -> HostileUpstream:
    return HostileUpstream()


async def send(hostile: HostileUpstream, times: int = 1) -> list[Answer]:
    async with hostile.serving() as url, aiohttp.ClientSession() as session:
        upstream = TrackingUpstream(HttpPoster(session, timeout=SOON))
        source = EdgeSource(
            id="src_1", number=1, type="python", write_key="WK1", alias="a/b", upstream=url
        )
        return [
            await upstream.send(source, [b'{"messageId":"m%d"}' % number], sent_at=NOW)
            for number in range(times)
        ]


@pytest.mark.parametrize("name", NO_ANSWER)
async def test_what_is_no_answer_is_an_error_that_says_so(
    hostile: HostileUpstream, name: str
) -> None:
    hostile.fault = NO_ANSWER[name]
    (answer,) = await send(hostile)

    assert answer.status is None
    assert answer.error
    assert hostile.met == 1
    assert hostile.bytes_said < MAX_BYTES


@pytest.mark.parametrize("name", TAKEN)
async def test_what_follows_the_status_changes_nothing(hostile: HostileUpstream, name: str) -> None:
    hostile.fault = TAKEN[name]
    answers = await send(hostile, times=2)

    assert answers[0].status == 200
    assert hostile.ids["WK1"][0] == "m0"
    # The next batch may find the connection closed, but never takes what is left for its answer.
    assert answers[1].status == 200 or answers[1].error
    assert hostile.bytes_said < MAX_BYTES
    assert all(len(answer.text) <= 2_048 for answer in answers)


async def test_answers_are_asked_for_uncompressed(hostile: HostileUpstream) -> None:
    await send(hostile)

    assert b"accept-encoding: identity" in hostile.heads[0].lower()


@pytest.mark.parametrize(
    "start", ["HTTP/1.1 302 Found", "HTTP/1.1 307 Temporary Redirect", "HTTP/1.1 308 Moved"]
)
async def test_a_redirect_is_an_answer_and_nobody_goes_there(
    hostile: HostileUpstream, start: str
) -> None:
    elsewhere = HostileUpstream()
    async with elsewhere.serving() as url:
        head = f"{start}\r\nLocation: {url}/v1/batch\r\nContent-Length: 0\r\n\r\n"
        hostile.fault = says(head.encode())
        (answer,) = await send(hostile)

    assert answer.status == int(start.split()[1])
    assert elsewhere.heads == []
