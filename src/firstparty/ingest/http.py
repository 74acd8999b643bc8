"""HTTP/1.1 on a byte stream: from bytes to exchanges, and answers back in their order.

Envoy is in front and takes the hostile part; this is still strict (llhttp), bounded in memory and
time, and never counts a body that did not arrive whole. What an exchange means is its handler's
business: this file knows no path and no header but those of HTTP itself.
"""

import asyncio
from collections import deque
from typing import Final, cast

import httptools

from firstparty.ingest.answers import CONTINUE, Refusal
from firstparty.ingest.exchange import Connections, Exchange
from firstparty.ingest.limits import (
    BAD_EXPECTATION,
    BAD_REQUEST,
    BODY_TOO_LARGE,
    ENDING_SECONDS,
    EXCHANGE_OVERHEAD_BYTES,
    HEAD_TOO_LARGE,
    IDLE_SECONDS,
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    MAX_HELD_BYTES,
    MAX_PIPELINED,
    MAX_SKIPPED_BYTES,
    NO_UPGRADE,
    OVERLOADED,
    REQUEST_SECONDS,
    TOO_SLOW,
    is_head_too_large,
)
from firstparty.ingest.names import lower_names
from firstparty.telemetry import Log

_LONG_DIGITS: Final = len(str(MAX_BODY_BYTES))  # a shorter Content-Length is below the limit


class Connection(asyncio.BufferedProtocol):
    """One connection."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._transport: asyncio.Transport | None = None
        self._headers: dict[bytes, bytes] = {}  # of the latest head
        self._target: list[bytes] = []
        self._chunks: list[bytes] = []
        # The parser fills these by itself: that is quicker than methods of ours would be.
        self.on_url = self._target.append
        self.on_message_begin = self._headers.clear
        self.on_header = self._headers.setdefault
        self.on_body = self._chunks.append
        self._parser = httptools.HttpRequestParser(self)
        self._arriving: Exchange | None = None  # its head is whole, its body not yet
        self._counted_chunks = 0
        self._is_long_part = False  # a whole head that is too large may have come at once
        self._head_bytes = 0  # of a head that has begun in an earlier part of the stream
        self._skipped_bytes = 0
        self._waiting: deque[Exchange] = deque()
        self._is_ending = False  # nothing more is taken; what comes is skipped
        self._has_unread = False  # the last request was answered before it had arrived whole
        self._is_blocked = False  # the client does not read its answers
        self._is_paused = False
        self._since = connections.now
        self._flush = self.flush  # bound once, not for each request

    # --- asyncio.BufferedProtocol ------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._connections.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what had not arrived whole; what waits to be stored goes on."""
        del exc
        self._transport = None
        self._connections.open.discard(self)
        self._drop_arriving()

    def get_buffer(self, _sizehint: int) -> memoryview:
        """Where the next bytes go."""
        return self._connections.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Parse what has come; handlers are called from in here."""
        if self._is_ending:
            return
        self._is_long_part = nbytes > MAX_HEAD_BYTES
        try:
            self._parser.feed_data(self._connections.buffer[:nbytes])
        except httptools.HttpParserUpgrade:
            pass  # refused already, where the headers were complete
        except httptools.HttpParserCallbackError as error:
            Log("ingest").error("ingest.bug", error=repr(error.__context__ or error))
            self.abort()  # nobody knows what may still be answered here: Envoy says 503
        except httptools.HttpParserError:
            self._refuse_and_end(BAD_REQUEST)
        if self._arriving is not None:
            self._take_chunks(self._arriving)
        elif self._target:
            self._check_head(nbytes)
        if len(self._waiting) >= MAX_PIPELINED:
            self._pause_or_resume()

    def eof_received(self) -> bool:
        """The client sends no more; answers that are due still go out."""
        self._drop_arriving()
        self._is_ending = True
        return bool(self._waiting)

    def pause_writing(self) -> None:
        """The client does not read: take nothing more from it."""
        self._is_blocked, self._since = True, self._connections.now
        self._pause_or_resume()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._is_blocked, self._since = False, self._connections.now
        self._pause_or_resume()

    # --- httptools' callbacks ----------------------------------------------------------------

    def on_headers_complete(self) -> None:
        """The head is whole: decide whether the body is wanted."""
        target = self._target[0] if len(self._target) == 1 else b"".join(self._target)
        self._target.clear()
        headers = lower_names(self._headers)
        if b"transfer-encoding" in headers:  # trailers may follow, and mean nothing
            headers = headers.copy()
        self._head_bytes = self._skipped_bytes = 0
        if self._is_ending:
            return
        if self._is_long_part and is_head_too_large(target, headers):
            self._refuse_and_end(HEAD_TOO_LARGE)
            return
        exchange = Exchange(self._flush, self._parser.get_method(), target, headers)
        connections = self._connections
        self._arriving, self._since = exchange, connections.now
        exchange.held_bytes = EXCHANGE_OVERHEAD_BYTES
        connections.held_bytes += EXCHANGE_OVERHEAD_BYTES
        if connections.held_bytes > MAX_HELD_BYTES:
            exchange.refusal = OVERLOADED
        length = headers.get(b"content-length", b"")
        is_long = len(length) >= _LONG_DIGITS and int(length) > MAX_BODY_BYTES
        if is_long:
            exchange.refusal = BODY_TOO_LARGE
        if b"upgrade" in headers and self._parser.should_upgrade():
            self._refuse_and_end(NO_UPGRADE)
        elif b"expect" in headers:
            self._meet_expectation(exchange)
        elif is_long and int(length) > MAX_SKIPPED_BYTES:
            self._refuse_and_end(BODY_TOO_LARGE)

    def on_message_complete(self) -> None:
        """The request is whole: hand it over."""
        exchange = self._arriving
        if exchange is None:
            return
        chunks = self._chunks
        if chunks:
            if len(chunks) == 1 and not self._counted_chunks and exchange.refusal is None:
                body = exchange.body = chunks[0]  # the usual case: all of it at once
                exchange.held_bytes += len(body)
                self._connections.held_bytes += len(body)
            else:
                self._take_chunks(exchange)
                if self._arriving is None:
                    return
                exchange.body = b"".join(chunks)
            chunks.clear()
            self._counted_chunks = 0
        self._arriving = None
        if not self._parser.should_keep_alive() or self._connections.is_ending:
            exchange.is_last = self._is_ending = True
        self._waiting.append(exchange)
        if exchange.refusal is None:
            self._connections.handler.handle(exchange)
        else:
            self._connections.handler.refuse(exchange, exchange.refusal)

    # --- answers, time and the end -----------------------------------------------------------

    def flush(self) -> None:
        """Write every answer that is ready and whose turn it is."""
        waiting, connections = self._waiting, self._connections
        while waiting and (answer := waiting[0].answer) is not None:
            connections.held_bytes -= waiting.popleft().held_bytes
            if self._transport is not None:
                self._transport.write(answer)
        self._since = connections.now
        if self._is_ending and not waiting:
            self._finish()
        elif self._is_paused:
            self._pause_or_resume()

    def check_time(self) -> None:
        """End the connection when it is late with whatever is under way."""
        age = self._connections.now - self._since
        if self._is_blocked or (self._is_ending and not self._waiting):
            if age > (REQUEST_SECONDS if self._is_blocked else ENDING_SECONDS):
                self.abort()
        elif self._arriving is not None or self._target:
            if age > REQUEST_SECONDS:
                self._refuse_and_end(TOO_SLOW)
        elif not self._waiting and age > IDLE_SECONDS:
            self.close_if_idle()

    def close_if_idle(self) -> None:
        """Close, if nothing is under way."""
        is_idle = self._arriving is None and not self._target and not self._waiting
        if is_idle and self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def _meet_expectation(self, exchange: Exchange) -> None:
        if exchange.headers[b"expect"].lower() != b"100-continue":
            self._refuse_and_end(BAD_EXPECTATION)
        elif exchange.refusal is not None:
            self._refuse_and_end(exchange.refusal)  # before the body is sent (RFC 9110 §10.1.1)
        elif not self._waiting and self._transport is not None:
            self._transport.write(CONTINUE)

    def _refuse_and_end(self, refusal: Refusal) -> None:
        """Answer before the request has arrived whole; the rest of what comes is skipped."""
        if self._is_ending:
            return
        exchange = self._arriving or Exchange(self._flush, b"", b"", {})
        self._arriving, self._is_ending, self._has_unread = None, True, True
        self._chunks.clear()
        exchange.is_last = True
        self._waiting.append(exchange)
        self._connections.handler.refuse(exchange, refusal)

    def _finish(self) -> None:
        """Close behind the last answer.

        Only our side at first where the client may still be sending: closing with unread data
        would reset the connection, and it might never see the answer. Then it is the client, or
        check_time, that ends it.
        """
        self._is_ending = True
        if self._transport is None or self._transport.is_closing():
            return
        if self._has_unread and self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()

    def _take_chunks(self, exchange: Exchange) -> None:
        """Count what has come of the body; skip it where it is not wanted."""
        chunks = self._chunks
        size = sum(map(len, chunks[self._counted_chunks :]))
        self._counted_chunks = len(chunks)
        if exchange.refusal is None:
            exchange.held_bytes += size
            self._connections.held_bytes += size
            if exchange.held_bytes > MAX_BODY_BYTES + EXCHANGE_OVERHEAD_BYTES:
                exchange.refusal = BODY_TOO_LARGE
            elif self._connections.held_bytes > MAX_HELD_BYTES:
                exchange.refusal = OVERLOADED
            else:
                return
        self._skipped_bytes += size
        self._counted_chunks = 0
        chunks.clear()
        if self._skipped_bytes > MAX_SKIPPED_BYTES:
            self._refuse_and_end(exchange.refusal)

    def _check_head(self, size: int) -> None:
        """Bound a head that does not end."""
        if self._head_bytes == 0:
            # Not this part of the stream: what is in front may belong to another request.
            self._head_bytes, self._since = 1, self._connections.now
            return
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse_and_end(HEAD_TOO_LARGE)

    def _drop_arriving(self) -> None:
        if self._arriving is not None:
            self._connections.held_bytes -= self._arriving.held_bytes
            self._arriving = None
            self._chunks.clear()

    def _pause_or_resume(self) -> None:
        wants_pause = self._is_blocked or len(self._waiting) >= MAX_PIPELINED
        if wants_pause is self._is_paused or self._transport is None:
            return
        self._is_paused = wants_pause
        if wants_pause:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()
