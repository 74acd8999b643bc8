"""A domain that needs nothing costs the reconciler nothing but its place in an index."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from firstparty.store import work
from tests.fakes.reconciled import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.make(tmp_path)
    yield made
    made.store.close()


def explain(world: World, act: Any) -> list[str]:
    """The query plans of all that ``act`` runs in a transaction."""
    plans: list[str] = []
    with world.store.write() as connection:

        def before(
            _connection: Any, cursor: Any, statement: str, parameters: Any, *_rest: Any
        ) -> None:
            if statement.startswith(("SELECT", "UPDATE")):
                cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
                plans.extend(row[3] for row in cursor.fetchall())

        event.listen(world.store.engine, "before_cursor_execute", before)
        try:
            act(connection)
        finally:
            event.remove(world.store.engine, "before_cursor_execute", before)
    return plans


def test_what_is_due_is_found_in_the_index_and_no_table_is_scanned(world: World) -> None:
    domain = world.ask_for()
    now = world.outside.clock()
    due = explain(world, work.next_due_at)
    leased = explain(
        world,
        lambda connection: work.lease_due(
            connection, now=now, lease=timedelta(seconds=10), limit=32
        ),
    )
    seen = explain(world, lambda connection: work.load_observation(connection, domain.id))

    assert due == ["SEARCH statuses USING COVERING INDEX ix_statuses_due_at (due_at>?)"]
    assert "SEARCH statuses USING INDEX ix_statuses_due_at (due_at<?)" in leased
    assert [plan for plan in (*due, *leased, *seen) if plan.startswith("SCAN")] == []


def test_the_plan_of_a_query_without_an_index_is_a_scan(world: World) -> None:
    scan = explain(
        world, lambda connection: connection.exec_driver_sql("SELECT * FROM statuses WHERE dns=''")
    )

    assert scan == ["SCAN statuses"]
