"""What the store promises on both databases: one set of queries, and nobody in anybody's way."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import ProgrammingError

from firstparty.model.claims import ClaimState
from firstparty.model.feed import Topic
from firstparty.model.observations import Observation, Step
from firstparty.model.status import Intent, Word
from firstparty.reconciler.reconcile import Reconciler
from firstparty.store import certificates, domains, feed, work, workspaces
from firstparty.store.certificates import AccountRow
from firstparty.store.engine import Store
from firstparty.store.feed import StoreFeed
from firstparty.store.migrate import find_differences, migrate
from firstparty.store.tries import add_try
from tests.builders import NOW, a_domain, a_source, a_workspace
from tests.fakes.reconciled import World
from tests.postgres import running_postgres

MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running_postgres() as url:
        yield url


@contextmanager
def empty_database(server: str, name: str) -> Iterator[str]:
    engine = create_engine(
        server.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    engine.dispose()
    yield server.rpartition("/")[0] + f"/{name}"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("initdb"))])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'store.db'}"
        return
    with empty_database(request.getfixturevalue("server"), tmp_path.name) as made:
        yield made


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    made = Store(url)
    migrate(made)
    yield made
    made.close()


@pytest.fixture
def world(store: Store) -> World:
    return World.of(store)


def test_migrations_make_exactly_the_tables_that_the_code_knows(store: Store) -> None:
    migrate(store)

    assert find_differences(store) == []


def test_values_come_back_as_they_were(store: Store) -> None:
    workspace = a_workspace()
    source = a_source(settings={"integrations": {"Ünï": [1, None, True]}})
    domain = a_domain(intent=Intent.MOVING, drains=False)
    row = AccountRow(authority="ca", url="", sealed_key=bytes(range(256)), created_at=NOW)
    with store.write() as connection:
        workspaces.add_workspace(connection, workspace)
        stored = workspaces.add_source(connection, source)
        domains.add_domain(connection, domain)
        work.start_work(connection, domain.id, now=NOW)
        certificates.add_account(connection, row)
    with store.read() as connection:
        assert workspaces.load_workspace(connection, workspace.id) == workspace
        assert workspaces.load_source(connection, source.id) == replace(
            source, number=stored.number
        )
        assert domains.load_domain(connection, domain.id) == domain
        assert certificates.load_account(connection, "ca") == row
        assert work.load_observation(connection, domain.id) == Observation(
            domain_id=domain.id, stopwatch={Step.ASKED: NOW}
        )


def test_what_goes_wrong_in_a_transaction_leaves_nothing(store: Store) -> None:
    def fail() -> None:
        with store.write() as connection:
            workspaces.add_workspace(connection, a_workspace())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with store.read() as connection:
        assert workspaces.load_workspace(connection, "wsp_1") is None


def test_a_read_sees_one_state_whatever_is_written_meanwhile(store: Store) -> None:
    with store.read() as reading:
        before = feed.current_revision(reading)
        with store.write() as writing:
            feed.publish(writing, Topic.EDGE, "a", b"1")
        after = feed.current_revision(reading)

    assert (before, after) == (0, 0)


def test_the_first_revisions_ever_are_given_out_once_each(store: Store) -> None:
    ready = threading.Barrier(8)

    def publish(number: int) -> int:
        ready.wait()
        with store.write() as connection:
            return feed.publish(connection, Topic.EDGE, f"key-{number}", b"body")

    with ThreadPoolExecutor(8) as threads:
        revisions = list(threads.map(publish, range(8)))

    assert sorted(revisions) == list(range(1, 9))


@pytest.mark.needs("initdb")
def test_an_edge_that_may_read_two_tables_and_no_more_follows_the_feed(
    server: str, tmp_path: Path
) -> None:
    with empty_database(server, tmp_path.name) as url:
        store = Store(url)
        migrate(store)
        with store.write() as connection:
            feed.publish(connection, Topic.EDGE, "a", b"1")
            connection.execute(text("CREATE ROLE edge LOGIN"))
            connection.execute(text("GRANT SELECT ON feed, revision TO edge"))
        edge = Store(url.replace("firstparty@", "edge@"))
        revision, entries = StoreFeed(edge).read([Topic.EDGE], after=0)
        with edge.read() as connection, pytest.raises(ProgrammingError, match="denied") as refused:
            domains.load_domain(connection, "dom_1")
        edge.close()
        store.close()

    assert (revision, [entry.body for entry in entries]) == (1, [b"1"])
    assert "domains" in str(refused.value)


def test_a_reader_never_misses_a_revision_below_one_that_it_has_seen(store: Store) -> None:
    is_over = threading.Event()

    def publish(worker: int) -> None:
        for number in range(30):
            with store.write() as connection:
                feed.publish(connection, Topic.EDGE, f"{worker}-{number}", b"body")

    def follow() -> list[int]:
        reader, seen, found = StoreFeed(store), 0, []
        while True:
            is_last = is_over.is_set()
            seen, entries = reader.read([Topic.EDGE], after=seen)
            found += [entry.revision for entry in entries]
            if is_last:
                return found

    with ThreadPoolExecutor(5) as threads:
        following = threads.submit(follow)
        list(threads.map(publish, range(4)))
        is_over.set()
        found = following.result()

    assert found == list(range(1, 121))


def test_due_domains_are_leased_to_one_worker_each(store: Store, world: World) -> None:
    for number in range(20):
        world.ask_for(id=f"dom_{number}", name=f"cdp{number}.shop.test", token=f"token{number:015}")
    ready = threading.Barrier(4)

    def lease(_: int) -> list[work.Lease]:
        ready.wait()
        with store.write() as connection:
            return work.lease_due(connection, now=NOW, lease=MINUTE, limit=5)

    with ThreadPoolExecutor(4) as threads:
        leases = [one for found in threads.map(lease, range(4)) for one in found]

    assert len({one.domain_id for one in leases}) == len(leases)
    assert len(leases) >= 5  # who finds the others' rows locked may go away with none


def test_a_worker_that_slept_past_its_lease_changes_nothing(store: Store, world: World) -> None:
    domain = world.ask_for()
    with store.write() as connection:
        (slow,) = work.lease_due(connection, now=NOW, lease=MINUTE, limit=1)
    with store.write() as connection:
        (quick,) = work.lease_due(connection, now=NOW + 2 * MINUTE, lease=MINUTE, limit=1)
    seen = Observation(domain_id=domain.id, tries=7)
    with store.write() as connection:
        saved = [
            work.save_observation(connection, lease, seen, due_at=None) for lease in (slow, quick)
        ]

    assert saved == [False, True]


def test_tries_are_counted_whoever_counts(store: Store) -> None:
    ready = threading.Barrier(6)

    def count(_: int) -> int:
        ready.wait()
        with store.write() as connection:
            return add_try(connection, "key", now=NOW, window=MINUTE)[0]

    with ThreadPoolExecutor(6) as threads:
        assert sorted(threads.map(count, range(6))) == [1, 2, 3, 4, 5, 6]


async def test_a_domain_goes_live_and_is_removed(world: World) -> None:
    domain = world.ask_for()
    world.delegate(domain)
    await world.until(domain, Word.LIVE)
    world.change_intent(domain, Intent.REMOVED, drains=False)
    await world.until(domain, Word.REMOVED)

    assert world.words(domain) == ["verifying", "issuing", "live", "removed"]
    assert world.case(domain).claim.state is ClaimState.RELEASED


async def at_once(world: World, *found: work.Lease) -> None:
    """Let as many reconcilers save at the same moment."""
    reconcilers: list[Reconciler] = [world.reconciler() for _ in found]
    await asyncio.gather(
        *(one.work_on(lease) for one, lease in zip(reconcilers, found, strict=True))
    )


@pytest.mark.parametrize("round_", range(3))
async def test_of_a_name_and_one_below_proved_at_once_one_is_proved(
    world: World, round_: int
) -> None:
    above = world.ask_for()
    below = world.ask_for(
        id="dom_2", workspace_id="wsp_2", name="eu.cdp.shop.test", token="anothertoken00000002"
    )
    for domain in (above, below):
        world.delegate(domain)
    leases = world.lease()
    await at_once(world, *(leases if round_ % 2 else reversed(leases)))
    states = sorted(world.case(domain).claim.state for domain in (above, below))
    with world.store.read() as connection:
        zones = feed.read_changes(connection, [Topic.ZONES], after=0)

    assert states == [ClaimState.PENDING, ClaimState.PROVED]
    assert len(zones) == 1
