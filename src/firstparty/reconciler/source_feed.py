"""Publishes every source, with a domain or without: the default hosts serve them all."""

import asyncio
from typing import Final

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from firstparty.model.domains import Domain, Mode
from firstparty.model.feed import AnySource, Topic
from firstparty.reconciler.publication import Service, build_source
from firstparty.store import source_feed, workspaces
from firstparty.store.domains import load_domains_of_sources
from firstparty.store.engine import Store
from firstparty.store.feed import lock_feed, publish
from firstparty.store.work import load_observations
from firstparty.telemetry import Log

_AT_ONCE: Final = 100
_POLL_SECONDS: Final = 0.25
_RETRY_SECONDS: Final = 1.0


async def publish_sources(store: Store, service: Service) -> None:
    """Publish sources as they change, until cancelled. What a crash undoes is done again."""
    is_reachable = True
    while True:
        try:
            count = await asyncio.to_thread(publish_changed, store, service)
        except SQLAlchemyError as error:
            if is_reachable:
                Log("reconciler").warning("store.unreachable", error=type(error).__name__)
            is_reachable = False
            await asyncio.sleep(_RETRY_SECONDS)
            continue
        is_reachable = True
        if count < _AT_ONCE:
            await asyncio.sleep(_POLL_SECONDS)


def publish_changed(store: Store, service: Service) -> int:
    """Publish some of the sources that have changed; how many."""
    with store.read() as connection:
        if not source_feed.list_changed(connection, limit=1):
            return 0
    with store.write() as connection:
        lock_feed(connection)
        changed = source_feed.list_changed(connection, limit=_AT_ONCE)
        _publish(connection, changed, service)
        source_feed.forget_changes(connection, changed)
    return len(changed)


def _publish(connection: Connection, source_ids: list[str], service: Service) -> None:
    sources = workspaces.load_sources(connection, source_ids)
    homes = workspaces.load_workspaces(connection, {one.workspace_id for one in sources})
    proxies = _find_proxies(connection, source_ids)
    for source in sources:
        home, proxy = homes[source.workspace_id], proxies.get(source.id)
        entry = AnySource(
            workspace=source.workspace_id,
            source=build_source(home, source, service, proxy=proxy),
        )
        publish(connection, Topic.SOURCES, source.id, msgspec.json.encode(entry))


def _find_proxies(connection: Connection, source_ids: list[str]) -> dict[str, Domain]:
    """The owner's proxy of each source that has one which passed its checks."""
    served = load_domains_of_sources(connection, source_ids)
    proxies = {one: domain for one, domain in served.items() if domain.mode is Mode.PROXY}
    seen = load_observations(connection, {domain.id for domain in proxies.values()})
    return {
        one: domain for one, domain in proxies.items() if seen[domain.id].statuses.has_been_live
    }
