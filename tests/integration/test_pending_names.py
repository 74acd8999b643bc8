"""What names that wait cost: every query counted, at nameservers that are real.

The clock is an argument, so an hour takes as long as its looks. FIRSTPARTY_PENDING_NAMES and
FIRSTPARTY_PENDING_SECONDS make it as long a run as one likes; docs/benchmarks.md has one.
"""

import os
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import mode

import pytest

from firstparty.config.addresses import Address
from firstparty.reconciler.pauses import pause_for_parent
from firstparty.resolver.budget import MAX_QUERIES
from firstparty.resolver.observed import ParentAnswer
from firstparty.resolver.parent import probe_parent
from tests.fakes.dns_server import DnsServer, bind_both, listening
from tests.fakes.outside import Outside
from tests.fakes.reconciled import World

NAMES = int(os.environ.get("FIRSTPARTY_PENDING_NAMES", "8"))
SPAN = timedelta(seconds=int(os.environ.get("FIRSTPARTY_PENDING_SECONDS", "30")))
# One at the zone above, and one at each of the two servers of the owner's own zone.
QUERIES_OF_A_LOOK = 3


@dataclass
class RealParents(Outside):
    """An outside world whose zones above are asked over the network."""

    port: int = 0
    looks: Counter[str] = field(default_factory=Counter)
    sent: list[int] = field(default_factory=list)

    async def ask_parent(self, name: str) -> ParentAnswer:
        self.looks[name] += 1
        answer = await probe_parent(
            name,
            stub_zones={"test": [Address("127.0.0.1", self.port)]},
            allow_private=True,
            port=self.port,
        )
        self.sent.append(answer.queries)
        return answer


@dataclass
class Rig:
    world: World
    outside: RealParents
    above: DnsServer
    own: tuple[DnsServer, DnsServer]

    @property
    def queries(self) -> int:
        return sum(len(server.queries) for server in (self.above, *self.own))

    async def wait_with(self, names: Sequence[str], span: timedelta) -> None:
        """Ask for these names, and let so much time pass."""
        for number, name in enumerate(names):
            self.world.ask_for(id=f"dom_{number}", name=name, token=f"tokenofclaim{number:08}")
        end = self.outside.clock() + span
        while True:
            wait = self.world.due_at_next()
            assert wait is not None
            if self.outside.clock() + wait >= end:
                return
            await self.world.step()


def count_looks(span: timedelta, *, crowd: int) -> int:
    """How often the schedule looks at one name in its first time."""
    age, looks = timedelta(), 0
    while age < span and (pause := pause_for_parent(age, crowd=crowd)) is not None:
        age, looks = age + pause, looks + 1
    return looks


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with AsyncExitStack() as stack:
        sockets = bind_both()
        port: int = sockets[0].getsockname()[1]
        for one in sockets:
            one.close()
        shops = [f"shop{number}" for number in range(NAMES)]
        delegations = "".join(
            f"{shop} 60 NS ns1.{shop}\n{shop} 60 NS ns2.{shop}\n"
            f"ns1.{shop} 60 A 127.0.0.2\nns2.{shop} 60 A 127.0.0.3\n"
            for shop in shops
        )
        zone = "@ 60 NS ns1\n@ 60 NS ns2\nns1 60 A 127.0.0.2\nns2 60 A 127.0.0.3\n"
        above = DnsServer({"test": delegations})
        own = (
            DnsServer({f"{shop}.test": zone for shop in shops}),
            DnsServer({f"{shop}.test": zone for shop in shops}),
        )
        for last, server in enumerate((above, *own), 1):
            await stack.enter_async_context(listening(server, f"127.0.0.{last}", port))
        world = World.make(tmp_path)
        stack.callback(world.store.close)
        outside = RealParents(world.store, port=port)
        world.outside = outside
        yield Rig(world, outside, above, own)


async def test_each_look_costs_what_is_stated_and_looks_are_those_of_the_schedule(
    rig: Rig,
) -> None:
    names = [f"cdp.shop{number}.test" for number in range(NAMES)]
    await rig.wait_with(names, SPAN)
    looks = rig.outside.looks

    assert set(looks.values()) == {count_looks(SPAN, crowd=1)}
    # On a busy machine a query may be lost, and asked again.
    assert mode(rig.outside.sent) == QUERIES_OF_A_LOOK
    assert max(rig.outside.sent) <= MAX_QUERIES
    assert rig.queries <= sum(rig.outside.sent)


async def test_names_of_one_registrable_domain_cost_its_servers_no_more_than_one_name(
    rig: Rig,
) -> None:
    names = [f"cdp{number}.shop0.test" for number in range(NAMES)]
    await rig.wait_with(names, SPAN)
    looks, most = rig.outside.looks.total(), count_looks(SPAN, crowd=1)

    assert looks >= NAMES
    assert looks <= most + NAMES  # each is looked at once when it is asked for
    assert rig.queries <= sum(rig.outside.sent)
