"""The service domain's own hosts, as each part in front serves them."""

from pathlib import Path

import dns.rcode
import msgspec

from firstparty.cdn.directory import Directory
from firstparty.control.callers import SYSTEM
from firstparty.control.service_domain import ensure_service_domain
from firstparty.control.source_changes import SourceChange, change_source
from firstparty.control.workspaces import list_workspaces
from firstparty.edge.hosts import HostTable, parse_served_domain
from firstparty.forward.directory import SourceDirectory
from firstparty.ingest.write_keys import WriteKeys
from firstparty.model.feed import AnySource, EdgeDomain, FeedEntry, HostKind, Topic
from firstparty.model.service_domain import CONSOLE_ID, DEFAULT_HOSTS_ID
from firstparty.model.status import Word, derive_word
from firstparty.model.workspaces import Origin
from firstparty.reconciler.publication import Service
from firstparty.reconciler.source_feed import publish_changed
from firstparty.store.domains import load_domain
from firstparty.store.feed import read_changes
from firstparty.store.work import load_observation
from tests.builders import NOW, an_edge_domain, an_edge_source
from tests.fakes.reconciled import World
from tests.installation import RULES, an_installation
from tests.unit.test_nameserver_zones import a_zone, address, ask, entry, new_zones

SERVICE = Service(domain="fp.test", edge_addresses=("192.0.2.1",))


def an_entry(topic: Topic, key: str, body: EdgeDomain | AnySource, revision: int) -> FeedEntry:
    return FeedEntry(revision=revision, topic=topic, key=key, body=msgspec.json.encode(body))


def the_default_hosts() -> EdgeDomain:
    return an_edge_domain().__class__(
        id=DEFAULT_HOSTS_ID,
        workspace="wsp_service",
        name="fp.test",
        cdn_host="cdn.fp.test",
        api_host="api.fp.test",
        sources=(),
        kind=HostKind.DEFAULT,
    )


def the_console() -> EdgeDomain:
    return msgspec.structs.replace(
        the_default_hosts(),
        id=CONSOLE_ID,
        cdn_host="console.fp.test",
        api_host="console.fp.test",
        kind=HostKind.CONSOLE,
    )


def a_feed() -> list[FeedEntry]:
    """A domain with its source, a source without one, and the service domain's own hosts."""
    domain = an_edge_domain()
    lonely = an_edge_source(id="src_2", number=2, write_key="WKLONELY", alias="ws/lonely")
    everything = [
        an_entry(Topic.EDGE, domain.id, domain, 1),
        an_entry(Topic.EDGE, DEFAULT_HOSTS_ID, the_default_hosts(), 2),
        an_entry(Topic.EDGE, CONSOLE_ID, the_console(), 3),
    ]
    for source in (*domain.sources, lonely):
        one = AnySource(workspace="wsp_1", source=source)
        everything.append(an_entry(Topic.SOURCES, source.id, one, 3 + source.number))
    return everything


def test_the_default_api_host_takes_every_write_key_and_a_domain_its_own_alone() -> None:
    keys = WriteKeys()
    keys.apply(a_feed())
    default, domain = keys.find(b"api.fp.test"), keys.find(an_edge_domain().api_host.encode())

    assert default is not None
    assert domain is not None
    assert default.sources.keys() == {an_edge_source().write_key.encode(), b"WKLONELY"}
    assert domain.sources.keys() == {an_edge_source().write_key.encode()}
    assert default.workspaces[2] == "wsp_1"
    assert keys.find(b"console.fp.test") is None


def test_the_default_cdn_host_serves_every_source_as_it_is_now() -> None:
    directory = Directory(https_port=443)
    directory.apply(a_feed())
    first = directory.find("cdn.fp.test")
    assert first is not None
    changed = an_edge_source(id="src_2", number=2, write_key="WKLONELY", settings={"a": 1})
    body = AnySource(workspace="wsp_1", source=changed)
    directory.apply([an_entry(Topic.SOURCES, "src_2", body, 9)])
    then = directory.find("cdn.fp.test")
    assert then is not None

    assert then.by_write_key["WKLONELY"].settings == {"a": 1}
    assert "ws/lonely" not in then.by_alias
    assert then.revision > first.revision
    assert then.is_default
    assert then.api_base == "api.fp.test/v1"
    assert directory.find("console.fp.test") is None


def test_messages_of_a_source_without_a_domain_are_forwarded() -> None:
    directory = SourceDirectory()
    directory.apply(a_feed())

    assert {one.write_key for n in (1, 2) if (one := directory.find(n))} == {
        an_edge_source().write_key,
        "WKLONELY",
    }


def test_the_edge_keeps_the_console_apart_from_the_hosts_of_tenants() -> None:
    table = HostTable()
    for revision, domain in enumerate((the_default_hosts(), the_console()), start=1):
        served = parse_served_domain(domain, revision=revision)
        assert not isinstance(served, str)
        table.replace(domain.id, served)

    assert set(table.cdn_hosts()) == {"cdn.fp.test"}
    assert set(table.api_hosts()) == {"api.fp.test"}
    assert set(table.console_hosts()) == {"console.fp.test"}
    table.replace(CONSOLE_ID, None)
    assert table.owner("console.fp.test") is None


def test_a_tenant_cannot_be_a_console_nor_have_one_host_for_both() -> None:
    both = msgspec.structs.replace(the_console(), kind=HostKind.TENANT)

    assert isinstance(parse_served_domain(both, revision=1), str)


def test_the_service_zone_has_its_hosts_and_their_challenges_and_loses_them_again() -> None:
    zones = new_zones()
    challenged = a_zone(
        "fp.test", hosts=("cdn.fp.test",), txt={"_acme-challenge.cdn.fp.test": ("token",)}
    )
    zones.apply([entry(1, DEFAULT_HOSTS_ID, challenged), entry(2, "dom_1", a_zone("one.test"))])
    txt = ask(zones, "_acme-challenge.cdn.fp.test", "TXT")

    assert address(ask(zones, "cdn.fp.test")) == "192.0.2.1"
    assert txt.answer[0][0].to_text() == '"token"'
    assert address(ask(zones, "a-one.ns.fp.test")) == "192.0.2.53"
    zones.apply([entry(3, DEFAULT_HOSTS_ID, a_zone("fp.test", hosts=("cdn.fp.test",)))])
    assert "token" not in ask(zones, "_acme-challenge.cdn.fp.test", "TXT").to_text()
    zones.apply([entry(4, DEFAULT_HOSTS_ID, None)])
    assert ask(zones, "cdn.fp.test").rcode() == dns.rcode.NXDOMAIN
    assert address(ask(zones, "ns1.fp.test")) == "192.0.2.53"


def test_an_entry_of_another_apex_never_gets_into_the_service_zone() -> None:
    zones = new_zones()
    zones.apply([entry(1, DEFAULT_HOSTS_ID, a_zone("other.test"))])

    assert ask(zones, "evs.other.test").rcode() == dns.rcode.REFUSED
    assert address(ask(zones, "ns1.fp.test")) == "192.0.2.53"


def test_a_source_is_published_when_it_is_made_and_whenever_it_changes(tmp_path: Path) -> None:
    here = an_installation(tmp_path)
    source_id = here.source().source.id
    counts = [publish_changed(here.store, SERVICE) for _ in range(2)]
    change = SourceChange(origin=Origin.MIRROR)
    change_source(here.store, SYSTEM, source_id, change=change, rules=RULES, now=NOW)
    counts.append(publish_changed(here.store, SERVICE))
    with here.store.read() as connection:
        [published] = read_changes(connection, [Topic.SOURCES], after=0)
    assert published.body is not None
    found = msgspec.json.decode(published.body, type=AnySource)

    assert counts == [1, 0, 1]
    assert (found.workspace, found.source.origin) == (here.ours.id, "mirror")


async def test_the_service_domain_gets_its_certificates_and_no_tenant_sees_it(
    tmp_path: Path,
) -> None:
    world = World.make(tmp_path)
    for name in ("fp.test", "fp.test"):  # once, however often it is asked for
        ensure_service_domain(world.store, name, now=world.outside.clock())
    words = set()
    for _ in range(30):
        await world.step()
        with world.store.read() as connection:
            words = {
                derive_word(domain.intent, load_observation(connection, domain.id).statuses)
                for one in (DEFAULT_HOSTS_ID, CONSOLE_ID)
                if (domain := load_domain(connection, one)) is not None
            }
        if words == {Word.LIVE}:
            break
    served = {one.id: one for one in world.outside.edge_domains()}
    seen = [one.id for one in list_workspaces(world.store, SYSTEM)]
    world.store.close()

    assert words == {Word.LIVE}
    assert served[DEFAULT_HOSTS_ID].kind is HostKind.DEFAULT
    assert served[CONSOLE_ID].kind is HostKind.CONSOLE
    assert all(one.certificate is not None for one in served.values())
    assert len({one.certificate.id for one in served.values() if one.certificate}) == 2
    assert "wsp_service" not in seen
