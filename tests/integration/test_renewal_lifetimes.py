"""Renewals of certificates of 90, 45 and 6 days from real Pebble, while the clock is moved."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from sqlalchemy import select

from firstparty.certs.acme import AcmeAuthority, AcmeServer
from firstparty.certs.progress import Challenged, OrderProgress
from firstparty.certs.renewal import certificate_id
from firstparty.demo.pebble import Pebble, PebblePorts, run_pebble
from firstparty.model.certificates import Certificate, DnsChallenge
from firstparty.model.domains import Domain
from firstparty.model.status import Word
from firstparty.reconciler.choice import Choice
from firstparty.store import tables
from tests.fakes.accounts import AccountsInMemory
from tests.fakes.chaos_acme import Chaos, run_chaos
from tests.fakes.ports import free_ports
from tests.fakes.reconciled import World
from tests.fakes.txt_server import TxtServer, run_txt_server

DAY = timedelta(days=1)


class Published:
    """A CA whose challenges are answered in DNS as soon as it has set them."""

    def __init__(self, authority: AcmeAuthority, txt: TxtServer) -> None:
        self._authority = authority
        self._txt = txt

    def __getattr__(self, name: str) -> Any:
        return getattr(self._authority, name)

    async def begin(self, *order: Any, **more: Any) -> OrderProgress:
        begun = await self._authority.begin(*order, **more)
        if isinstance(begun, Challenged):
            for one in begun.challenges:
                assert isinstance(one, DnsChallenge)
                self._txt.values.setdefault(one.owner_name, set()).add(one.value)
        return begun


@dataclass
class Rig:
    world: World
    chaos: Chaos

    def certificates(self) -> list[str]:
        with self.world.store.read() as connection:
            return list(connection.scalars(select(tables.certificates.c.id)))

    async def a_live_domain(self) -> tuple[Domain, Certificate]:
        domain = self.world.ask_for()
        self.world.delegate(domain)
        async with asyncio.timeout(60):
            while self.world.word(domain) is not Word.LIVE:
                await self.step()
        there = self.world.case(domain).certificate
        assert there is not None
        return domain, there

    async def step(self) -> None:
        """One step of ours, and a moment of Pebble's, whose clock nobody moves."""
        await self.world.step()
        await asyncio.sleep(0.05)

    async def until_renewed(self) -> None:
        async with asyncio.timeout(60):
            while len(self.certificates()) < 2:
                await self.step()


@asynccontextmanager
async def running(folder: Path, lifetime: timedelta) -> AsyncIterator[Rig]:
    acme, management, http, tls = free_ports(4)
    world = World.make(folder)
    world.outside.clock.now = datetime.now(UTC)
    async with run_txt_server() as (txt, address):
        pebble = Pebble(
            folder=folder / "pebble",
            roots=folder / "roots.pem",
            ports=PebblePorts(acme=acme, management=management, http=http, tls=tls),
            dns_server=address,
            lifetime=lifetime,
        )
        async with run_pebble(pebble, nonce_reject_percent=0), run_chaos(pebble) as chaos:
            server = AcmeServer(directory=chaos.directory_url, ca_bundle=str(pebble.ca_bundle))
            authority = AcmeAuthority("chaos", server, AccountsInMemory())
            world.outside.choices = (Choice(authority=Published(authority, txt)),)
            try:
                yield Rig(world, chaos)
            finally:
                authority.close()
                world.store.close()


@pytest.mark.needs("pebble")
@pytest.mark.parametrize("lifetime", [90 * DAY, 45 * DAY, timedelta(hours=160)])
async def test_a_certificate_is_renewed_long_before_its_end_and_not_in_its_first_days(
    lifetime: timedelta, tmp_path: Path
) -> None:
    async with running(tmp_path, lifetime) as rig:
        domain, there = await rig.a_live_domain()
        rig.world.outside.clock.now = there.not_before + lifetime * 0.44
        for _ in range(5):
            await rig.step()
        early = rig.certificates()
        rig.world.outside.clock.now = there.due_at
        await rig.until_renewed()
        renewed = rig.world.case(domain).certificate

    assert abs(there.not_after - there.not_before - lifetime) < timedelta(minutes=1)
    assert early == [there.id]
    assert renewed is not None
    assert renewed.id != there.id
    assert there.not_after - there.due_at > lifetime / 4


@pytest.mark.needs("pebble")
async def test_a_window_that_is_past_renews_a_short_one_at_once_and_says_what_it_replaces(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, timedelta(hours=160)) as rig:
        now = datetime.now(UTC)
        rig.chaos.ari = {
            "suggestedWindow": {
                "start": (now - DAY).isoformat(),
                "end": (now - timedelta(hours=1)).isoformat(),
            }
        }
        _, there = await rig.a_live_domain()
        await rig.until_renewed()
        took = rig.world.outside.clock() - now

    leaf = x509.load_pem_x509_certificate(there.chain.encode())
    *before, last = [order.get("replaces") for order in rig.chaos.orders]
    assert set(before) == {None}
    assert last == certificate_id(leaf)
    assert took < DAY
