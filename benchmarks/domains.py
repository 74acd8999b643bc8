"""What the reconciler's loop costs with many live domains: one look, and one lease of 32.

Domains that need nothing are rows whose turn is later. Each figure stands beside the same on a
store with a hundredth of the domains, in the same run. Run: .venv/bin/python benchmarks/domains.py
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from firstparty.model.domains import Domain
from firstparty.store import domains, tables, work, workspaces
from firstparty.store.engine import Store
from tests.builders import a_domain, a_workspace

LOOKS = 200
NOW = datetime.now(UTC)


def main() -> None:
    """Measure both stores and print one line of JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--domains", type=int, default=10_000)
    number = arguments.parse_args().domains
    with tempfile.TemporaryDirectory() as folder:
        many, few = (measure(Path(folder) / str(one), one) for one in (number, number // 100))
    print(json.dumps({"domains": number, "many": many, "a hundredth": few}))


def measure(file: Path, number: int) -> dict[str, float]:
    """Median milliseconds of a look that finds nothing due, and of a lease of 32 that are."""
    store = Store(f"sqlite:///{file}.db")
    tables.metadata.create_all(store.engine)
    fill(store, number)
    look = timed(lambda: find_nothing(store))
    lease = timed(lambda: lease_some(store))
    store.close()
    return {"a look, ms": look, "a lease of 32, ms": lease}


def fill(store: Store, number: int) -> None:
    """Live domains, to be looked at within the next 4 minutes, one after the other."""
    with store.write() as connection:
        workspaces.add_workspace(connection, a_workspace())
        for one in range(number):
            domain: Domain = a_domain(
                id=f"dom_{one}", name=f"cdp.shop{one}.test", token=f"token{one:015}", source_ids=()
            )
            domains.add_domain(connection, domain)
            later = NOW + timedelta(hours=1) + timedelta(minutes=4) * one / number
            work.start_work(connection, domain.id, now=later)


def find_nothing(store: Store) -> None:
    """What the loop does while nothing is due."""
    with store.read() as connection:
        due_at = work.next_due_at(connection)
    assert due_at is not None


def lease_some(store: Store) -> None:
    """What the loop does when something is due."""
    with store.write() as connection:
        now, lease = NOW + timedelta(hours=2), timedelta(hours=-1)  # due again at once
        assert len(work.lease_due(connection, now=now, lease=lease, limit=32)) == 32


def timed(act: Callable[[], None]) -> float:
    """Median milliseconds."""
    times = []
    for _ in range(LOOKS):
        started = time.perf_counter()
        act()
        times.append((time.perf_counter() - started) * 1000)
    return round(statistics.median(times), 3)


if __name__ == "__main__":
    main()
