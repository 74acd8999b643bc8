"""A reconciler in a process of its own that asks a real CA, and ends itself where it is told to.

Run with one JSON object: the store's URL, the CA's directory and the roots to trust for it, and a
``moment`` (``before commit``, ``after commit``, or none) with the ``number`` of the last one.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from firstparty.certs.acme import AcmeAuthority, AcmeServer
from firstparty.model.claims import nameserver_names
from firstparty.reconciler.acme_authorities import StoredAccount
from firstparty.reconciler.choice import Choice
from firstparty.reconciler.loop import Loop
from firstparty.store.engine import Store
from firstparty.store.sealing import Sealer
from tests.fakes.outside import Outside
from tests.fakes.reconciled import SERVICE, World
from tests.fakes.reconciler_process import name_domain


class MortalStore(Store):
    """A store whose process is killed around one of its commits."""

    def __init__(self, url: str, moment: str, number: int) -> None:
        super().__init__(url)
        self._moment = moment
        self._left = number

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with super().write() as connection:
            yield connection
            self._pass("before commit")
        self._pass("after commit")

    def _pass(self, moment: str) -> None:
        if moment == self._moment:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


async def main(told: dict[str, Any]) -> None:
    store = MortalStore(told["store"], told["moment"], told["number"])
    world = World(store=store, outside=Outside(store))
    server = AcmeServer(directory=told["directory"], ca_bundle=told["trust"])
    account = StoredAccount(store, Sealer(b"c" * 32), "pebble")
    world.outside.choices = (Choice(authority=AcmeAuthority("pebble", server, account)),)
    domain = name_domain(0)
    names = frozenset(nameserver_names(domain["token"], SERVICE.domain))
    world.outside.parent.nameservers[domain["name"]] = names
    reconciler = replace(world.reconciler(), clock=lambda: datetime.now(UTC))
    await Loop(reconciler).run()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
