"""Where a source's browsers are sent whose owner has a proxy in front of the default hosts."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from firstparty.cdn.directory import TOPICS, Directory
from firstparty.cdn.documents import build_settings
from firstparty.control.callers import SYSTEM
from firstparty.control.rollout import build_rollout, set_share
from firstparty.control.sources import show_source
from firstparty.errors import Refused
from firstparty.model.domains import Mode, OwnProxy
from firstparty.model.feed import EdgeDomain, EdgeSource, FeedEntry, HostKind, Topic
from firstparty.model.service_domain import DEFAULT_HOSTS_ID
from firstparty.model.status import Intent, Word
from firstparty.proxies.result import Status
from firstparty.reconciler.source_feed import publish_changed
from firstparty.store import feed
from tests.fakes.outside import ProxiesInMemory
from tests.fakes.reconciled import SERVICE, World
from tests.installation import RULES

PROXY = OwnProxy(cdn_host="evs.shop.test", api_host="api.shop.test")
DEFAULT_HOSTS = EdgeDomain(
    id=DEFAULT_HOSTS_ID,
    workspace="wsp_service",
    name="fp.test",
    cdn_host="cdn.fp.test",
    api_host="api.fp.test",
    sources=(),
    kind=HostKind.DEFAULT,
)


def told(world: World) -> tuple[EdgeSource, dict[str, Any]]:
    """The source as the CDN has it, and the settings that it answers for it at the default host."""
    publish_changed(world.store, SERVICE)
    directory = Directory(https_port=443)
    hosts = FeedEntry(
        revision=1,
        topic=Topic.EDGE,
        key=DEFAULT_HOSTS_ID,
        body=msgspec.json.encode(DEFAULT_HOSTS),
    )
    with world.store.read() as connection:
        changes = feed.read_changes(connection, TOPICS, after=0)
    directory.apply([hosts, *changes])
    tenant = directory.find("cdn.fp.test")
    assert tenant is not None
    source = tenant.by_write_key["WKSHOPWEB"]
    return source, msgspec.json.decode(build_settings({}, tenant, source).body)


def api_host(settings: dict[str, Any]) -> str:
    return str(settings["integrations"]["Segment.io"]["apiHost"])


async def test_the_host_address_follows_the_proxy_once_it_has_passed_and_comes_back(
    tmp_path: Path,
) -> None:
    world, proxies = World.make(tmp_path), ProxiesInMemory()
    world.outside.proxies = proxies
    proxies.faults = {"api.authorization": (Status.FAIL, "authorization-dropped")}
    domain = world.ask_for(name="evs.shop.test", mode=Mode.PROXY, own_proxy=PROXY)
    await world.step()
    seen = [told(world)]
    proxies.faults = {}
    await world.until(domain, Word.LIVE)
    seen.append(told(world))
    for share in (0, 100):
        set_share(world.store, SYSTEM, "src_1", share=share, rules=RULES, now=world.outside.clock())
        seen.append(told(world))
    world.change_intent(domain, Intent.REMOVED)
    await world.until(domain, Word.REMOVED)
    seen.append(told(world))
    world.store.close()

    default, switched = "api.fp.test/v1", "api.shop.test/v1"
    assert [api_host(settings) for _, settings in seen] == [
        default,
        switched,
        default,
        switched,
        default,
    ]
    assert [source.proxy_cdn for source, _ in seen] == ["", *["https://evs.shop.test"] * 3, ""]


async def test_behind_a_proxy_there_is_everybody_or_nobody(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    world.ask_for(name="evs.shop.test", mode=Mode.PROXY, own_proxy=PROXY)
    now = world.outside.clock()
    with pytest.raises(Refused) as refused:
        set_share(world.store, SYSTEM, "src_1", share=25, rules=RULES, now=now)
    rollout = build_rollout(show_source(world.store, SYSTEM, "src_1", rules=RULES))
    world.store.close()

    assert (refused.value.code, refused.value.field) == ("share-of-proxy", "share")
    assert rollout.is_switchable
    assert {line.form for line in rollout.lines} >= {"html", "npm"}
