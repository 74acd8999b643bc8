"""The nameserver as a role on loopback, with a store to publish zones in."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import dns.asyncquery
import dns.message
import dns.rcode
import msgspec

from firstparty.config.addresses import Address
from firstparty.config.settings import NameserverSettings
from firstparty.model.feed import Topic, Zone
from firstparty.nameserver.cookies import Cookies
from firstparty.nameserver.limits import RateLimiter, RateLimits
from firstparty.nameserver.responder import Responder
from firstparty.nameserver.server import serve_nameserver
from firstparty.nameserver.zones import Zones
from firstparty.store import feed, tables
from firstparty.store.engine import Store
from firstparty.store.reader import open_feed
from tests.fakes.dns_server import bind_both

SHOP = Zone(
    apex="cdp.shop.test",
    serial=1,
    nameservers=("a-tok.ns.fp.test", "b-tok.ns.fp.test"),
    hosts=("evs.cdp.shop.test", "api.cdp.shop.test"),
    addresses=("192.0.2.1",),
)


class Nameserver:
    """The role under test, with a store to publish zones in."""

    def __init__(self, store: Store, address: Address) -> None:
        self.store = store
        self.address = address

    def publish(self, key: str, zone: Zone | bytes | None) -> None:
        body = msgspec.json.encode(zone) if isinstance(zone, Zone) else zone
        with self.store.write() as connection:
            feed.publish(connection, Topic.ZONES, key, body)

    async def ask(
        self, name: str, rdtype: str = "A", *, is_udp: bool = True
    ) -> dns.message.Message:
        query = dns.message.make_query(name, rdtype, use_edns=0)
        ask = dns.asyncquery.udp if is_udp else dns.asyncquery.tcp
        return await ask(query, self.address.host, timeout=30, port=self.address.port)

    async def until(
        self, name: str, is_right: Callable[[dns.message.Message], bool]
    ) -> dns.message.Message:
        async with asyncio.timeout(30):
            while not is_right(answer := await self.ask(name)):
                await asyncio.sleep(0.02)
        return answer


def has_answer(message: dns.message.Message) -> bool:
    return bool(message.answer)


def is_refused(message: dns.message.Message) -> bool:
    return message.rcode() == dns.rcode.REFUSED


def a_store(folder: Path) -> Store:
    store = Store(f"sqlite:///{folder / 'store.db'}")
    tables.metadata.create_all(store.engine)
    return store


@contextlib.asynccontextmanager
async def running(
    store: Store, snapshot: Path, host: str = "127.0.0.1"
) -> AsyncIterator[Nameserver]:
    udp, tcp = bind_both(host)
    with udp, tcp:
        task = asyncio.create_task(
            serve_nameserver(
                udp=[udp],
                tcp=[tcp],
                feed=open_feed(str(store.engine.url)),
                snapshot=snapshot,
                service_domain="fp.test",
                settings=NameserverSettings(addresses=("192.0.2.53",)),
            )
        )
        try:
            yield Nameserver(store, Address(host, udp.getsockname()[1]))
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


def a_responder() -> Responder:
    return Responder(
        Zones(service_domain="fp.test", nameserver_addresses=["192.0.2.53"]).answers,
        cookies=Cookies(bytes(32)),
        limiter=RateLimiter(RateLimits()),
    )
