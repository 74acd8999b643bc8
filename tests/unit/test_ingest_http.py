"""HTTP on a byte stream: splits, order, bounds, time and the end of a connection."""

import asyncio
import gzip
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from firstparty.ingest import limits
from tests.ingest_rig import Rig, a_request

CHUNKED = (
    b"POST /v1/t HTTP/1.1\r\nhost: api.cdp.example.test\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'8\r\n{"writeK\r\n7\r\ney":"WK\r\n5;ext=1\r\nWEB"}\r\n0\r\nX-Trailer: 1\r\n\r\n'
)
REQUESTS = (
    a_request(),
    CHUNKED,
    a_request(target="/v1/nothing"),
    a_request("GET", "/v1/pixel/page?writeKey=WKWEB", body=None),
    a_request(body=gzip.compress(b'{"writeKey":"WKWEB"}'), Content_Encoding="gzip"),
    a_request("OPTIONS", "/v1/t", body=None, Origin="https://www.example.test", X_Empty=""),
    a_request(body=b"{}"),
)


def ask_in_parts(stream: bytes, cuts: list[int]) -> tuple[list[tuple[int, bytes]], list[bytes]]:
    """Statuses with bodies, and stored bodies, when the stream comes cut at these places."""

    async def main() -> tuple[list[tuple[int, bytes]], list[bytes]]:
        rig = Rig()
        client = rig.connect()
        for start, end in pairwise([0, *sorted(cuts), len(stream)]):
            client.send(stream[start:end])
        await rig.settle()
        stored = [entry.body for entry in rig.appender.entries]
        assert rig.connections.held_bytes == 0
        return [(answer.status, answer.body) for answer in client.answers], stored

    return asyncio.run(main())


@settings(max_examples=60)
@given(st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=5), st.data())
def test_however_a_stream_is_split_the_answers_are_the_same(
    requests: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(requests)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=8))

    whole, split = ask_in_parts(stream, []), ask_in_parts(stream, cuts)

    assert len(whole[0]) == len(requests)
    assert split == whole


def test_a_stream_of_single_bytes_is_answered_like_the_whole() -> None:
    stream = b"".join(REQUESTS)

    assert ask_in_parts(stream, list(range(len(stream)))) == ask_in_parts(stream, [])


@settings(max_examples=100)
@given(st.binary(max_size=400) | st.sampled_from(REQUESTS), st.binary(max_size=100), st.data())
def test_whatever_bytes_come_they_are_answered_or_waited_for(
    start: bytes, noise: bytes, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(start)))

    async def main() -> None:
        rig = Rig()
        client = rig.connect()
        client.send(start[:cut] + noise, start[cut:])
        await rig.settle()
        client.connection.connection_lost(None)
        assert all(answer.status < 500 for answer in client.answers)
        assert rig.connections.held_bytes == 0

    asyncio.run(main())


async def test_pipelined_requests_are_answered_in_their_order() -> None:
    rig = Rig()
    rig.appender.is_held = True
    client = rig.connect()

    client.send(a_request() + a_request(target="/v1/nothing") + a_request())
    await rig.settle()

    assert client.answers == []
    rig.appender.release()
    await rig.settle()
    assert [answer.status for answer in client.answers] == [200, 404, 200]


async def test_a_client_that_pipelines_too_much_is_not_read_until_it_is_answered() -> None:
    rig = Rig()
    rig.appender.is_held = True
    client = rig.connect()

    client.send(a_request() * limits.MAX_PIPELINED)
    await rig.settle()

    assert client.transport.is_reading_paused
    rig.appender.release()
    await rig.settle()
    assert not client.transport.is_reading_paused
    assert len(client.answers) == limits.MAX_PIPELINED


async def test_a_body_that_was_cut_off_is_not_counted() -> None:
    rig = Rig()
    client = rig.connect()

    client.send(a_request()[:-1])
    client.connection.eof_received()
    client.connection.connection_lost(None)
    await rig.settle()

    assert rig.appender.entries == []
    assert client.transport.written == b""
    assert rig.connections.held_bytes == 0
    assert not rig.connections.open


async def test_a_message_is_stored_even_when_its_sender_has_gone() -> None:
    rig = Rig()
    client = rig.connect()

    client.send(a_request())
    client.connection.connection_lost(None)
    await rig.settle()

    assert len(rig.appender.entries) == 1
    assert client.transport.written == b""
    assert rig.connections.held_bytes == 0


async def test_a_client_that_sends_no_more_still_gets_its_answer() -> None:
    rig = Rig()
    client = rig.connect()

    client.send(a_request())
    stays_open = client.connection.eof_received()
    await rig.settle()

    assert stays_open
    assert [answer.status for answer in client.answers] == [200]
    assert client.transport.is_closed


async def test_a_client_that_waits_for_100_continue_gets_it_before_its_body_is_sent() -> None:
    rig = Rig()
    client = rig.connect()
    head, _, body = a_request(Expect="100-continue").partition(b"\r\n\r\n")

    client.send(head + b"\r\n\r\n")
    assert client.transport.written == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send(body)
    await rig.settle()

    assert [answer.status for answer in client.answers] == [100, 200]


async def test_a_body_that_is_too_large_is_refused_before_it_is_sent() -> None:
    rig = Rig()
    client = rig.connect()

    client.send(
        b"POST /v1/t HTTP/1.1\r\nHost: api.cdp.example.test\r\nExpect: 100-continue\r\n"
        b"Origin: https://www.example.test\r\nContent-Length: 9000000\r\n\r\n"
    )

    (answer,) = client.answers
    assert (answer.status, answer.json["code"]) == (413, "body_too_large")
    assert answer.headers["access-control-allow-origin"] == "https://www.example.test"
    assert answer.headers["connection"] == "close"
    assert client.transport.has_written_eof


async def test_an_endless_chunked_body_is_refused_and_never_held() -> None:
    rig = Rig()
    client = rig.connect()
    client.send(CHUNKED.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")

    most = 0
    for _ in range(200):
        client.send(b"%x\r\n%s\r\n" % (65_536, b"x" * 65_536))
        most = max(most, rig.connections.held_bytes)

    assert [answer.status for answer in client.answers] == [413]
    assert most <= limits.MAX_BODY_BYTES + 70_000
    assert rig.connections.held_bytes == 0


async def test_the_connection_outlives_a_refused_body_of_moderate_size() -> None:
    rig = Rig()

    large = a_request(body=b"x" * (limits.MAX_BODY_BYTES + 1))
    answers = await rig.ask(large[:100_000], large[100_000:], a_request())

    assert [answer.status for answer in answers] == [413, 200]


async def test_an_endless_head_is_refused() -> None:
    rig = Rig()
    client = rig.connect()

    client.send(b"POST /v1/t HTTP/1.1\r\nX-Long: ")
    for _ in range(20):
        client.send(b"x" * 8_000)

    assert [answer.status for answer in client.answers] == [431]


async def test_a_large_body_in_front_does_not_count_as_the_next_head() -> None:
    rig = Rig()
    body = b'{"writeKey":"WKWEB","batch":["' + b"x" * 200_000 + b'"]}'
    first, second = a_request(target="/v1/b", body=body), a_request()

    answers = await rig.ask(first[:100], first[100:] + second[:30], second[30:])

    assert [answer.status for answer in answers] == [200, 200]


async def test_trailers_change_nothing() -> None:
    rig = Rig()
    sneaky = CHUNKED.replace(b"X-Trailer: 1", b"Host: api.other.test")

    answers = await rig.ask(sneaky, a_request())

    assert [answer.status for answer in answers] == [200, 200]


async def test_a_trailer_is_not_a_header_in_whatever_case() -> None:
    rig = Rig()
    capital = (
        b"POST /v1/t HTTP/1.1\r\nHost: api.cdp.example.test\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\n{}\r\n0\r\nAuthorization: Basic V0tXRUI6\r\n\r\n"
    )
    small = capital
    for name in (b"Host", b"Transfer-Encoding", b"Authorization"):
        small = small.replace(name, name.lower())

    answers = await rig.ask(capital, small, a_request())

    assert [answer.status for answer in answers] == [401, 401, 200]


async def test_a_request_to_upgrade_is_refused() -> None:
    rig = Rig()

    answers = await rig.ask(a_request(Connection="Upgrade", Upgrade="h2c"))

    assert [answer.status for answer in answers] == [400]


async def test_connection_close_and_http_1_0_are_obeyed() -> None:
    for request in (
        a_request(Connection="close"),
        a_request().replace(b"HTTP/1.1", b"HTTP/1.0"),
    ):
        rig = Rig()
        client = rig.connect()
        client.send(request)
        await rig.settle()

        (answer,) = client.answers
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert client.transport.is_closed


async def test_a_slow_request_is_ended_and_a_waiting_one_is_not() -> None:
    rig = Rig()
    rig.appender.is_held = True
    slow, waiting = rig.connect(), rig.connect()
    slow.send(a_request()[:-1])
    waiting.send(a_request())
    await rig.settle()

    for _ in range(limits.REQUEST_SECONDS + 1):
        rig.connections.tick()

    assert [answer.status for answer in slow.answers] == [408]
    assert not waiting.transport.is_closed
    for _ in range(limits.ENDING_SECONDS + 1):
        rig.connections.tick()
    assert slow.transport.is_aborted


async def test_a_slow_head_is_ended_too() -> None:
    rig = Rig()
    client = rig.connect()
    client.send(b"POST /v1/t HTTP/1.1\r\nHo")

    for _ in range(limits.REQUEST_SECONDS + 1):
        client.send(b"x")
        rig.connections.tick()

    assert [answer.status for answer in client.answers] == [408]


async def test_an_idle_connection_is_closed_after_its_time() -> None:
    rig = Rig()
    client = rig.connect()

    for _ in range(limits.IDLE_SECONDS):
        rig.connections.tick()
    assert not client.transport.is_closed
    rig.connections.tick()

    assert client.transport.is_closed


async def test_a_client_that_does_not_read_its_answers_is_not_read_and_then_ended() -> None:
    rig = Rig()
    client = rig.connect()

    client.connection.pause_writing()
    assert client.transport.is_reading_paused
    for _ in range(limits.REQUEST_SECONDS + 1):
        rig.connections.tick()

    assert client.transport.is_aborted


async def test_too_much_waiting_is_answered_503_and_passes() -> None:
    rig = Rig()
    rig.connections.held_bytes = limits.MAX_HELD_BYTES
    refused = await rig.ask(a_request())
    rig.connections.held_bytes = 0

    (answer,) = refused
    assert (answer.status, answer.json["code"]) == (503, "overloaded")
    assert answer.headers["retry-after"] == "2"
    assert [a.status for a in await rig.ask(a_request())] == [200]


async def test_at_the_end_each_connection_closes_behind_its_next_answer() -> None:
    rig = Rig()
    busy, idle = rig.connect(), rig.connect()

    rig.connections.end()
    busy.send(a_request())
    rig.connections.close_idle()
    await rig.settle()

    (answer,) = busy.answers
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert busy.transport.is_closed
    assert idle.transport.is_closed
