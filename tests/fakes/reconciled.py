"""A store with a workspace and domains, and a reconciler that a test steps by hand."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from firstparty.model.claims import cname_targets, nameserver_names
from firstparty.model.domains import Domain
from firstparty.model.observations import Observation
from firstparty.model.status import Intent, Word, derive_word
from firstparty.reconciler.case import Case, load_case
from firstparty.reconciler.loop import LEASE
from firstparty.reconciler.publication import Service
from firstparty.reconciler.reconcile import Reconciler
from firstparty.reconciler.signing import Signing
from firstparty.store import domains, tables, work, workspaces
from firstparty.store.engine import Store
from firstparty.store.sealing import Sealer
from tests.builders import a_domain, a_source, a_workspace
from tests.fakes.outside import Outside

SERVICE = Service(domain="fp.test", edge_addresses=("127.0.0.1",))
EDGE_SEALER = Sealer(b"e" * 32)
CONTROL_SEALER = Sealer(b"c" * 32)


@cache
def _empty_database() -> bytes:
    """The tables of a store, made once: a world is made hundreds of times."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "store.db"
        store = Store(f"sqlite:///{file}")
        tables.metadata.create_all(store.engine)
        store.close()
        return file.read_bytes()


@dataclass
class World:
    store: Store
    outside: Outside
    service: Service = SERVICE

    @classmethod
    def make(cls, folder: Path) -> "World":
        file = folder / "store.db"
        file.write_bytes(_empty_database())
        return cls.of(Store(f"sqlite:///{file}"))

    @classmethod
    def of(cls, store: Store) -> "World":
        """A world with this store, which has the tables and nothing in them."""
        with store.write() as connection:
            workspaces.add_workspace(connection, a_workspace())
            workspaces.add_source(connection, a_source())
            workspaces.add_workspace(
                connection, a_workspace(id="wsp_2", name="Other", alias="otheralias")
            )
        return cls(store=store, outside=Outside(store))

    def reconciler(self) -> Reconciler:
        return Reconciler(
            store=self.store,
            ports=self.outside.ports(),
            service=self.service,
            edge_sealer=EDGE_SEALER,
            signing=Signing(CONTROL_SEALER, SERVICE.domain),
            clock=self.outside.clock,
        )

    def ask_for(self, **parts: Any) -> Domain:
        domain = a_domain(**parts)
        with self.store.write() as connection:
            domains.add_domain(connection, domain)
            work.start_work(connection, domain.id, now=self.outside.clock())
        return domain

    def delegate(self, domain: Domain) -> None:
        names = frozenset(nameserver_names(domain.token, SERVICE.domain))
        self.outside.parent.nameservers[domain.name] = names

    def point(self, domain: Domain) -> None:
        targets = cname_targets(domain.token, SERVICE.domain)
        for host, target in zip(domain.hosts, targets, strict=True):
            self.outside.parent.cnames[host] = (target,)

    def change_intent(self, domain: Domain, intent: Intent, *, drains: bool = True) -> None:
        with self.store.write() as connection:
            domains.save_intent(connection, domain.id, intent, drains=drains)
            work.wake(connection, domain.id, now=self.outside.clock())

    def wake(self, domain: Domain) -> None:
        with self.store.write() as connection:
            work.wake(connection, domain.id, now=self.outside.clock())

    def lease(self) -> list[work.Lease]:
        with self.store.write() as connection:
            return work.lease_due(connection, now=self.outside.clock(), lease=LEASE, limit=10)

    def due_at_next(self) -> timedelta | None:
        """How long until something is due; None: never."""
        with self.store.read() as connection:
            due_at = work.next_due_at(connection)
        return None if due_at is None else max(due_at - self.outside.clock(), timedelta())

    async def step(self) -> bool:
        """Move the clock to what is due next and work on it; False when nothing ever is."""
        wait = self.due_at_next()
        if wait is None:
            return False
        self.outside.clock.advance(wait)
        for lease in self.lease():
            await self.reconciler().work_on(lease)
        return True

    async def steps(self, most: int = 40) -> None:
        """Step until the domain is live, nothing is due, or so many steps were taken."""
        for _ in range(most):
            if not await self.step():
                return

    async def until(self, domain: Domain, word: Word, most: int = 60) -> None:
        for _ in range(most):
            if self.word(domain) is word:
                return
            await self.step()
        raise AssertionError(f"{self.word(domain)} and not {word}: {self.codes(domain)}")

    def case(self, domain: Domain) -> Case:
        with self.store.read() as connection:
            return load_case(connection, domain.id)

    def seen(self, domain: Domain) -> Observation:
        return self.case(domain).observation

    def codes(self, domain: Domain) -> list[str]:
        return [finding.code for finding in self.seen(domain).findings]

    def word(self, domain: Domain) -> Word:
        case = self.case(domain)
        return derive_word(case.domain.intent, case.observation.statuses)

    def words(self, domain: Domain) -> list[str]:
        with self.store.read() as connection:
            return [row.word for row in reversed(work.list_history(connection, domain.id))]

    def count(self, table: Any) -> int:
        with self.store.read() as connection:
            return len(connection.execute(table.select()).all())
