"""A reconciler in a process of its own, to be killed or stopped: the loop, the store, a local CA.

Run with the store's URL, how many domains are delegated, and a folder: while it has a file
``hold``, the process stops at its next look at the parent, says so in ``held``, and waits.
"""

import asyncio
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from firstparty.model.claims import nameserver_names
from firstparty.reconciler.choice import Choice
from firstparty.reconciler.local_root import load_local_authority
from firstparty.reconciler.loop import Loop
from firstparty.reconciler.ports import Ports
from firstparty.resolver.observed import ParentAnswer
from firstparty.store.engine import Store
from firstparty.store.sealing import Sealer
from tests.fakes.outside import Outside
from tests.fakes.reconciled import SERVICE, World

SEALER = Sealer(b"c" * 32)


def name_domain(number: int) -> dict[str, Any]:
    """The parts of the domains that this process finds delegated."""
    return {
        "id": f"dom_{number}",
        "name": f"cdp{number}.shop.test",
        "token": f"tokenofthisclaim{number:04}",
        "source_ids": (),
    }


class Holding:
    """A DNS probe that hangs while it is told to."""

    def __init__(self, outside: Outside, folder: Path) -> None:
        self._outside = outside
        self._folder = folder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._outside, name)

    async def ask_parent(self, name: str) -> ParentAnswer:
        if (self._folder / "hold").exists():
            (self._folder / "held").write_text(name)
            while (self._folder / "hold").exists():
                await asyncio.sleep(0.01)
        return await self._outside.ask_parent(name)


async def main(url: str, number: int, folder: Path) -> None:
    store = Store(url)
    world = World(store=store, outside=Outside(store))
    authority = load_local_authority(folder / "local-ca.sealed", SEALER)
    world.outside.choices = (Choice(authority=authority),)
    for one in map(name_domain, range(number)):
        names = frozenset(nameserver_names(one["token"], SERVICE.domain))
        world.outside.parent.nameservers[one["name"]] = names
    ports: Ports = replace(world.outside.ports(), dns=Holding(world.outside, folder))
    reconciler = replace(world.reconciler(), clock=lambda: datetime.now(UTC), ports=ports)
    await Loop(reconciler).run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
