"""The nameserver role: sockets on one side, the feed's zones on the other.

It needs nothing behind it to answer: with the database away it goes on with its last good
zones, and starts again from its snapshot.
"""

import asyncio
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import dns.rcode

from firstparty.config.addresses import ConfigError
from firstparty.config.settings import NameserverSettings
from firstparty.counts import Counts, Key
from firstparty.model.feed import FeedEntry, Topic
from firstparty.nameserver.cookies import Cookies
from firstparty.nameserver.limits import RateLimiter, RateLimits
from firstparty.nameserver.responder import Responder
from firstparty.nameserver.tcp import TcpListener
from firstparty.nameserver.udp import UdpListener
from firstparty.nameserver.zones import Zones
from firstparty.store.follow import follow_feed
from firstparty.store.reader import FeedReader
from firstparty.store.snapshot import FeedSnapshot
from firstparty.zones.contents import BadZone
from firstparty.zones.names import BadName


async def serve_nameserver(
    *,
    udp: Sequence[socket.socket],
    tcp: Sequence[socket.socket],
    feed: FeedReader,
    snapshot: Path,
    service_domain: str,
    settings: NameserverSettings,
    counts: Counts | None = None,
) -> None:
    """Answer DNS queries on bound sockets until cancelled; the sockets stay open.

    ``snapshot`` is the file of the last good zones; ``counts`` are kept meanwhile. Raises
    ConfigError where settings cannot be used.
    """
    try:
        zones = Zones(service_domain=service_domain, nameserver_addresses=settings.addresses)
    except (BadName, BadZone) as error:
        raise ConfigError(f"service.domain or nameserver.addresses: {error}") from error
    cookies = Cookies(os.urandom(32))
    responder = Responder(zones.answers, cookies=cookies, limiter=_build_limiter(settings))
    counts = counts or Counts()
    counts.read_by(lambda: _read_counts(responder, zones))
    notifier = None
    if settings.transfer.secret:
        from firstparty.nameserver.secondaries import (  # noqa: PLC0415 -- heavy, and seldom needed
            serve_secondaries,
        )

        notifier = serve_secondaries(zones, responder, settings.transfer)
    # Before the first query is read: after a restart no name that is ours may be refused.
    zones.apply(await asyncio.to_thread(_load, snapshot))
    async with AsyncExitStack() as stack:
        for bound in udp:
            stack.callback(UdpListener(bound, responder).close)
        for bound in tcp:
            listener = TcpListener(responder)
            stack.push_async_callback(listener.close)
            await listener.listen(bound)
        group = await stack.enter_async_context(asyncio.TaskGroup())
        if notifier is not None:
            group.create_task(notifier.run())
        await follow_feed(
            feed,
            [Topic.ZONES, Topic.TARGETS],
            snapshot,
            zones.apply,
            note=lambda revision: counts.set("feed_revision", revision, "nameserver"),
        )


def _read_counts(responder: Responder, zones: Zones) -> Iterator[tuple[Key, float]]:
    for code, number in enumerate(responder.rcodes):
        if number:
            yield ("dns_answers_total", (dns.rcode.to_text(dns.rcode.Rcode(code)),)), number
    yield ("dns_unanswered_total", ()), responder.unanswered
    yield ("dns_zones", ()), zones.count()


def _build_limiter(settings: NameserverSettings) -> RateLimiter:
    limit = settings.rate_limit
    try:
        return RateLimiter(
            RateLimits(same=limit.same, all=limit.all, slip=limit.slip, exempt=limit.exempt)
        )
    except ValueError as error:
        raise ConfigError(f"nameserver.rate_limit.exempt: {error}") from error


def _load(file: Path) -> list[FeedEntry]:
    snapshot = FeedSnapshot(file)
    snapshot.load()
    return sorted(snapshot.entries.values(), key=lambda entry: entry.revision)
