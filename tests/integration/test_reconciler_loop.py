"""The loop itself, on a real clock, with the outside world in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from firstparty.reconciler.loop import Loop
from firstparty.reconciler.ports import Ports
from firstparty.resolver.observed import OwnAnswer, ParentAnswer
from firstparty.resolver.pointing import PointingAnswer
from firstparty.store import tables
from tests.fakes.reconciled import World


class BrokenForOne:
    """A probe with a bug that only one name runs into."""

    def __init__(self, real: Any, name: str) -> None:
        self._real = real
        self._name = name

    async def ask_parent(self, name: str) -> ParentAnswer:
        if name == self._name:
            raise RuntimeError("a bug")
        answer: ParentAnswer = await self._real.ask_parent(name)
        return answer

    async def ask_pointing(self, hosts: Any) -> PointingAnswer:
        raise AssertionError(hosts)

    async def ask_caa(self, hosts: Any) -> Any:
        raise AssertionError(hosts)

    async def ask_own_servers(self, apex: str, hosts: Any) -> OwnAnswer:
        answer: OwnAnswer = await self._real.ask_own_servers(apex, hosts)
        return answer


class NeverAnswers:
    """A probe that hangs."""

    def __init__(self) -> None:
        self.asked = 0

    async def ask_parent(self, name: str) -> ParentAnswer:
        self.asked += 1
        await asyncio.Event().wait()
        raise AssertionError(name)

    async def ask_pointing(self, hosts: Any) -> PointingAnswer:
        raise AssertionError(hosts)

    async def ask_caa(self, hosts: Any) -> Any:
        raise AssertionError(hosts)

    async def ask_own_servers(self, apex: str, hosts: Any) -> OwnAnswer:
        raise AssertionError(apex, hosts)


def a_world(folder: Path) -> World:
    world = World.make(folder)
    world.outside.clock.now = datetime.now(UTC)
    return world


def ask_for_many(world: World, count: int) -> None:
    for number in range(count):
        domain = world.ask_for(
            id=f"dom_{number}", name=f"cdp{number}.shop.test", token=f"token{number}", source_ids=()
        )
        world.delegate(domain)


@asynccontextmanager
async def running(world: World, *, ports: Ports | None = None) -> AsyncIterator[None]:
    reconciler = replace(
        world.reconciler(),
        clock=lambda: datetime.now(UTC),
        ports=ports or world.outside.ports(),
    )
    task = asyncio.create_task(Loop(reconciler).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def live(world: World) -> set[str]:
    with world.store.read() as connection:
        found = connection.execute(
            select(tables.statuses.c.domain_id).where(tables.statuses.c.has_been_live)
        )
        return set(found.scalars())


async def until_live(world: World, count: int) -> None:
    async with asyncio.timeout(100):
        while len(live(world)) < count:
            await asyncio.sleep(0.05)


async def test_two_reconcilers_share_many_domains_and_make_one_certificate_each(
    tmp_path: Path,
) -> None:
    world = a_world(tmp_path)
    ask_for_many(world, 20)
    async with running(world), running(world):
        await until_live(world, 20)
    certified = world.outside.authority.certified_keys
    certificates = world.count(tables.certificates)
    world.store.close()

    assert certificates == 20
    assert len(certified) == len(set(certified)) == 20


async def test_a_domain_that_trips_over_a_bug_does_not_stop_the_others(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    ask_for_many(world, 3)
    ports = world.outside.ports()
    broken = replace(ports, dns=BrokenForOne(ports.dns, "cdp1.shop.test"))
    async with running(world, ports=broken):
        await until_live(world, 2)
    found = live(world)
    world.store.close()

    assert found == {"dom_0", "dom_2"}


async def test_a_reconciler_that_is_stopped_gives_its_domains_back_at_once(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    ask_for_many(world, 3)
    ports = world.outside.ports()
    stuck = NeverAnswers()
    async with running(world, ports=replace(ports, dns=stuck)):
        async with asyncio.timeout(30):
            while stuck.asked < 3:
                await asyncio.sleep(0.01)
        world.outside.clock.now = datetime.now(UTC)
        while_it_works = world.lease()
    world.outside.clock.now = datetime.now(UTC)
    afterwards = world.lease()
    world.store.close()

    assert while_it_works == []
    assert len(afterwards) == 3
