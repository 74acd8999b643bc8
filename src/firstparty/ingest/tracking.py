"""What a request to the tracking API means: refused, answered at once, or stored and answered.

Order of the checks: path, method, host, body, write key. So that what is wrong with a request is
said in the words of the first thing its sender can change.
"""

import time
from collections import Counter
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from firstparty.errors import Unavailable
from firstparty.ingest.accept import RETRY_AFTER, Committer
from firstparty.ingest.answers import (
    Refusal,
    build_answer,
    build_arrived,
    build_pixel,
    build_refusal,
    build_success,
    without_body,
)
from firstparty.ingest.bodies import TOO_DEEP, count_messages, parse_body, read_text
from firstparty.ingest.cors import build_lines, build_preflight
from firstparty.ingest.exchange import Exchange
from firstparty.ingest.framing import Framer
from firstparty.ingest.heads import Head, Heads
from firstparty.ingest.lanes import Lanes
from firstparty.ingest.pixel import parse_pixel
from firstparty.ingest.rates import Rates
from firstparty.ingest.routes import Kind, Route, check_method, find_route
from firstparty.ingest.visitors import Visitors
from firstparty.ingest.write_keys import ApiHost, WriteKeys
from firstparty.model.hosts import PROBE_AGENT
from firstparty.model.messages import Encoding, Path
from firstparty.spool.tally import Tally
from firstparty.spool.traffic import ACKNOWLEDGED, REFUSED, Cells, count_latency

# Who waits: an exchange, its answer once the message is on disk, the CORS lines of any other.
# Then where it is counted, unless it is a probe of ours, and when it arrived.
_Waiter = tuple[Exchange, bytes, bytes, Cells | None, float]

_PROBE_AGENT: Final = PROBE_AGENT.encode()
_UNKNOWN_HOST: Final = Refusal(
    status=HTTPStatus.NOT_FOUND,
    code="unknown_host",
    message="This host takes no messages: it is not the API host of a live domain.",
)
_STARTING: Final = Refusal(
    status=HTTPStatus.SERVICE_UNAVAILABLE,
    code="starting",
    message="It is not known yet which hosts there are. Try again.",
    retry_after=RETRY_AFTER,
)
_NO_WRITE_KEY: Final = Refusal(
    status=HTTPStatus.UNAUTHORIZED,
    code="no_write_key",
    message='Send the write key as "writeKey" in the body or as the user name of Authorization: '
    "Basic.",
)
_UNKNOWN_WRITE_KEY: Final = Refusal(
    status=HTTPStatus.UNAUTHORIZED,
    code="unknown_write_key",
    message="This write key is not one of a source of this domain.",
)


class TrackingApi:
    """Handles exchanges (ingest/exchange.py: Handler) and counts what became of them."""

    def __init__(
        self, write_keys: WriteKeys, rates: Rates, visitors: Visitors | None = None
    ) -> None:
        self.tally: Final = Tally()
        self.lanes: Final = Lanes()
        self._heads = Heads(write_keys)
        self._write_keys = write_keys
        self._rates = rates
        self.committer: Final = Committer[_Waiter](self._settle)
        self._framer = Framer(visitors or Visitors())
        self._accepted = 0
        self.counts: Final[Counter[str]] = Counter()  # what else became of requests

    def count_all(self) -> dict[str, int]:
        """Requests by what became of them, since the start."""
        return {"accepted": self._accepted, **self.counts}

    def handle(self, exchange: Exchange) -> None:
        """Answer a request, at once or when what it brought is on disk."""
        head = self._heads.find(exchange)
        if head is not None:
            self._take_messages(exchange, head)
            return
        host, cors = self._look_up(exchange)
        route, query = find_route(exchange.target)
        if route is None or host is None or exchange.method != route.method:
            self._take_other(exchange, route, host, cors)
        elif route.kind is Kind.PIXEL:
            self._take_pixel(exchange, route, host, query, cors)
        else:
            self.counts["metrics_dropped"] += 1
            exchange.reply(build_success(cors=cors, is_last=exchange.is_last))

    def _look_up(self, exchange: Exchange) -> tuple[ApiHost | None, bytes]:
        """The host that was asked, and the CORS lines of its answer."""
        host = self._write_keys.find(exchange.headers.get(b"host", b""))
        origin = exchange.headers.get(b"origin", b"")
        cors = host.cors.lines(origin) if host else build_lines(origin, has_credentials=False)
        return host, cors

    def _take_other(
        self, exchange: Exchange, route: Route | None, host: ApiHost | None, cors: bytes
    ) -> None:
        """What is neither a message nor near to one: preflights, HEAD, and what is not here."""
        refusal = check_method(route, exchange.method)
        if refusal is None and host is None:
            refusal = _UNKNOWN_HOST
        if refusal is _UNKNOWN_HOST and not self._write_keys.loaded.is_set():
            refusal = _STARTING  # never a 404 for want of knowledge: SDKs drop what gets one
        if refusal is not None:
            self.lanes.refuse(host, None, refusal.code)
            self._refuse(exchange, refusal, cors)
        elif exchange.method == b"HEAD":
            exchange.reply(without_body(build_pixel(cors=cors, is_last=exchange.is_last)))
        else:
            requested = exchange.headers.get(b"access-control-request-headers", b"")
            lines = build_preflight(requested)
            if b"firstparty-check" in exchange.headers:
                lines += build_arrived(
                    has_query=bool(find_route(exchange.target)[1]),
                    at_edge=exchange.headers.get(b"x-arrived", b""),
                )
            exchange.reply(
                build_answer(
                    HTTPStatus.NO_CONTENT, b"", cors=cors, headers=lines, is_last=exchange.is_last
                )
            )

    def refuse(self, exchange: Exchange, refusal: Refusal) -> None:
        """Answer a request that did not arrive as one."""
        host, cors = self._look_up(exchange)
        self.lanes.refuse(host, None, refusal.code)
        self._refuse(exchange, refusal, cors)

    def _take_messages(self, exchange: Exchange, head: Head) -> None:
        headers = exchange.headers
        body = parse_body(exchange.body, headers.get(b"content-encoding", b""), head.path)
        if isinstance(body, Refusal):
            if head.source is not None:
                self.tally.count(head.source, refused=1)
            self.lanes.refuse(head.host, head.source, body.code)
            self._refuse(exchange, body, head.cors)
            return
        encoding, write_key = body
        source = head.source
        if source is None:
            found = _find_source(head.host, headers.get(b"authorization", b""), write_key)
            if isinstance(found, Refusal):
                self.lanes.refuse(head.host, None, found.code)
                self._refuse(exchange, found, head.cors)
                return
            source = found
        answer = head.last_answer if exchange.is_last else head.answer
        try:
            self._store(
                exchange, head.host, source, head.path, encoding, exchange.body, answer, head.cors
            )
        except RecursionError:  # limits and privacy rules look into a body once more
            self.tally.count(source, refused=1)
            self.lanes.refuse(head.host, source, TOO_DEEP.code)
            self._refuse(exchange, TOO_DEEP, head.cors)

    def _settle(self, waiting: list[_Waiter], reason: Unavailable | None) -> None:
        if reason is None:
            self._accepted += len(waiting)
            now = time.monotonic()
            for exchange, answer, _, lane, began in waiting:
                if lane is not None:
                    count_latency(lane, ACKNOWLEDGED, now - began)
                exchange.reply(answer)
            return
        refusal = _not_stored(reason)
        for exchange, _, cors, lane, _ in waiting:
            if lane is not None:
                lane[REFUSED + refusal.code] += 1
            self._refuse_for_now(exchange, refusal, cors)

    def _take_pixel(
        self, exchange: Exchange, route: Route, host: ApiHost, query: bytes, cors: bytes
    ) -> None:
        """A pixel's answer is an image, whatever was sent: a page must not show a broken one."""
        headers = exchange.headers
        found = parse_pixel(query, user_agent=headers.get(b"user-agent", b""))
        source = None
        body, write_key = found or (b"", None)
        if found is not None:
            source = _find_source(host, headers.get(b"authorization", b""), write_key)
        image = build_pixel(cors=cors, is_last=exchange.is_last)
        if route.path is None or source is None or isinstance(source, Refusal):
            code = source.code if isinstance(source, Refusal) else "bad_pixel"
            self.counts["refused." + code] += 1
            self.lanes.refuse(host, None, code)
            exchange.reply(image)
            return
        self._store(exchange, host, source, route.path, Encoding.IDENTITY, body, image, cors)

    def _store(  # noqa: PLR0913, PLR0917  # on the hot path: no value is built, no names passed
        self,
        exchange: Exchange,
        host: ApiHost,
        source: int,
        path: Path,
        encoding: Encoding,
        body: bytes,
        answer: bytes,
        cors: bytes,
    ) -> None:
        """Store what may be kept of a body; ``answer`` goes out once that is on disk."""
        began, lane = time.monotonic(), None
        if exchange.headers.get(b"user-agent") != _PROBE_AGENT:
            lane = self.lanes.find(host, source)
            if host.meter is not None:
                host.meter.requests += 1
        if self._rates.has_limits(host):
            count = count_messages(read_text(body, encoding), path)
            wait = self._rates.take(host, source, count, now=began)
            if wait is not None:
                self.tally.count(source, refused=1)
                self.lanes.refuse(host, source, "rate_limited")
                self._refuse_for_now(exchange, _too_fast(wait), cors)
                return
        cleaner = host.cleaners.get(source) if host.cleaners else None
        if cleaner is not None:
            cleaned = cleaner.apply(exchange.headers, read_text(body, encoding), path)
            if cleaned.dropped:
                self.counts["privacy_dropped"] += cleaned.dropped
                self.tally.count(source, privacy_dropped=cleaned.dropped)
            if cleaned.body is None:
                exchange.reply(answer)
                return
            encoding, body = Encoding.IDENTITY, cleaned.body
        entry = self._framer.frame(exchange.headers, source, path, encoding, body, cleaner)
        self.committer.submit(entry, (exchange, answer, cors, lane, began))

    def _refuse_for_now(self, exchange: Exchange, refusal: Refusal, cors: bytes) -> None:
        """Refuse what may be taken later; a pixel gets its image all the same."""
        route, _ = find_route(exchange.target)
        if route is None or route.kind is not Kind.PIXEL:
            self._refuse(exchange, refusal, cors)
            return
        self.counts["refused." + refusal.code] += 1
        is_last = exchange.is_last
        exchange.reply(build_pixel(cors=cors, unavailable=refusal, is_last=is_last))

    def _refuse(self, exchange: Exchange, refusal: Refusal, cors: bytes) -> None:
        self.counts["refused." + refusal.code] += 1
        answer = build_refusal(refusal, cors=cors, is_last=exchange.is_last)
        if exchange.method == b"HEAD":
            answer = without_body(answer)
        exchange.reply(answer)


def _find_source(host: ApiHost, authorization: bytes, write_key: object) -> int | Refusal:
    """The source: that of the Authorization header where it is ours, else that of the body."""
    if authorization:
        number = host.source_of_header(authorization)
        if number is not None:
            return number
    if isinstance(write_key, str):
        return host.sources.get(write_key.encode(), _UNKNOWN_WRITE_KEY)
    return _UNKNOWN_WRITE_KEY if authorization[:6].lower() == b"basic " else _NO_WRITE_KEY


def _too_fast(wait: timedelta) -> Refusal:
    return Refusal(
        status=HTTPStatus.TOO_MANY_REQUESTS,
        code="rate_limited",
        message="This source sends more messages a second than it may. Send it again later.",
        retry_after=wait,
    )


def _not_stored(reason: Unavailable) -> Refusal:
    return Refusal(
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        code="not_stored",
        message="The message could not be stored. Send it again.",
        retry_after=reason.retry_after,
    )
