"""The nameserver role: sockets on one side, the feed's zones on the other.

It needs nothing behind it to answer: with the database away it goes on with its last good
zones, and starts again from its snapshot.
"""

import asyncio
import os
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from firstparty.config.addresses import ConfigError
from firstparty.model.feed import FeedEntry, Topic
from firstparty.nameserver.cookies import Cookies
from firstparty.nameserver.limits import DEFAULT_LIMITS, RateLimiter, RateLimits
from firstparty.nameserver.responder import Responder
from firstparty.nameserver.tcp import TcpListener
from firstparty.nameserver.udp import UdpListener
from firstparty.nameserver.zones import Zones
from firstparty.store.follow import FeedSnapshot, follow_feed
from firstparty.store.reader import FeedReader
from firstparty.zones.contents import BadZone
from firstparty.zones.names import BadName


async def serve_nameserver(
    *,
    udp: Sequence[socket.socket],
    tcp: Sequence[socket.socket],
    feed: FeedReader,
    snapshot: Path,
    service_domain: str,
    nameserver_addresses: Sequence[str],
    limits: RateLimits = DEFAULT_LIMITS,
) -> None:
    """Answer DNS queries on bound sockets until cancelled; the sockets stay open.

    ``snapshot`` is the file of the last good zones. ``nameserver_addresses`` are what the
    nameserver names under ``service_domain`` resolve to. Raises ConfigError where settings
    cannot be used.
    """
    try:
        limiter = RateLimiter(limits)
    except ValueError as error:
        raise ConfigError(f"nameserver.rate_limit.exempt: {error}") from error
    try:
        zones = Zones(service_domain=service_domain, nameserver_addresses=nameserver_addresses)
    except (BadName, BadZone) as error:
        raise ConfigError(f"service.domain or nameserver.addresses: {error}") from error
    # Before the first query is read: after a restart no name that is ours may be refused.
    zones.apply(await asyncio.to_thread(_load, snapshot))
    cookies = Cookies(os.urandom(32))
    responder = Responder(zones.answers, cookies=cookies, limiter=limiter)
    async with AsyncExitStack() as stack:
        for bound in udp:
            stack.callback(UdpListener(bound, responder).close)
        for bound in tcp:
            listener = TcpListener(responder)
            stack.push_async_callback(listener.close)
            await listener.listen(bound)
        await follow_feed(feed, [Topic.ZONES, Topic.TARGETS], snapshot, zones.apply)


def _load(file: Path) -> list[FeedEntry]:
    snapshot = FeedSnapshot(file)
    snapshot.load()
    return sorted(snapshot.entries.values(), key=lambda entry: entry.revision)
