"""How long a page of a list takes with 10,000 domains in one workspace: CPU of store and control.

usage: python benchmarks/lists.py [NUMBER]
"""

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from firstparty.config.settings import Settings
from firstparty.control.callers import SYSTEM
from firstparty.control.certificate_queue import show_queue
from firstparty.control.domains import list_domains
from firstparty.control.machine import list_usage
from firstparty.control.rules import build_rules
from firstparty.control.sources import SourceRequest, add_source
from firstparty.control.workspaces import add_workspace
from firstparty.model.domains import Domain
from firstparty.model.identifiers import new_identifier, random_dns_token
from firstparty.model.status import Word
from firstparty.model.workspaces import SourceType
from firstparty.store.domains import DomainFilter, add_domain
from firstparty.store.engine import Store
from firstparty.store.migrate import migrate
from firstparty.store.work import start_work

NOW = datetime.now(UTC)
RULES = build_rules(Settings())


def fill(store: Store, number: int) -> str:
    """A workspace with this many domains of a source each; its id."""
    workspace = add_workspace(store, SYSTEM, name="Big", now=NOW)
    asked = SourceRequest(name="Web", type=SourceType.JAVASCRIPT)
    where = {"workspace_id": workspace.id, "rules": RULES, "now": NOW}
    sources = [add_source(store, SYSTEM, asked=asked, **where).source.id for _ in range(50)]
    with store.write() as connection:
        for one in range(number):
            domain = Domain(
                id=new_identifier("dom"),
                workspace_id=workspace.id,
                name=f"cdp.shop{one}.com",
                token=random_dns_token(),
                source_ids=(sources[one % len(sources)],),
                created_at=NOW,
            )
            add_domain(connection, domain)
            start_work(connection, domain.id, now=NOW)
    return workspace.id


def measure(what: str, work: Callable[[], object]) -> None:
    """Print the median of some tries, in CPU milliseconds."""
    taken = []
    for _ in range(15):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    print(f"{what:44} {sorted(taken)[len(taken) // 2] * 1000:7.1f} ms CPU")


def main() -> None:
    """Fill a store and measure pages of 50."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{Path(folder) / 'store.db'}")
        migrate(store)
        workspace_id = fill(store, number)

        def page(only: DomainFilter, after: str = "") -> list[str]:
            found = list_domains(
                store,
                SYSTEM,
                workspace_id=workspace_id,
                rules=RULES,
                only=only,
                after=after,
                limit=51,
            )
            return [view.domain.id for view in found]

        print(f"{number:,} domains in one workspace, pages of 50")
        measure("the first page", lambda: page(DomainFilter()))
        measure("a page in the middle", lambda: page(DomainFilter(), "dom_V"))
        measure("a part of the name that one has", lambda: page(DomainFilter(part="shop777.")))
        measure("a part of the name that none has", lambda: page(DomainFilter(part="nothing")))
        measure("a word that all have", lambda: page(DomainFilter(word=Word.WAITING)))
        measure("a word that none has", lambda: page(DomainFilter(word=Word.FAILING)))
        for one in range(1_000):
            add_workspace(store, SYSTEM, name=f"Shop {one}", now=NOW)
        print("the operator's pages, 1,000 workspaces beside it")
        measure("workspaces with what they use", lambda: list_usage(store, SYSTEM, limit=101))
        measure("workspaces by name", lambda: list_usage(store, SYSTEM, part="shop 77", limit=101))
        measure("the certificate queue", lambda: show_queue(store, SYSTEM, rules=RULES, now=NOW))
        store.close()


if __name__ == "__main__":
    main()
