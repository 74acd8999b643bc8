from pathlib import Path

import msgspec

from firstparty.edge.hot import HotAnswer, list_hot_paths
from firstparty.edge.protobuf import decode
from firstparty.edge.resources import Resources
from firstparty.edge.routes import HTTPS_ROUTES, ROUTE_CONFIGURATION
from firstparty.edge.xds import ROUTES_TYPE
from firstparty.model.feed import EdgeCertificate, EdgeDomain, FeedEntry, HostKind, Topic
from firstparty.store.sealing import load_sealer
from tests.builders import NOW, an_edge_domain, an_edge_source

HEADERS = (("etag", '"a%b"'), ("content-encoding", "gzip"))
ANSWERS = (HotAnswer(encoding="gzip", headers=HEADERS, body=b"\x1f\x8b"),)


def a_live_domain() -> EdgeDomain:
    certificate = EdgeCertificate(id="crt_1", chain="", sealed_key=b"", not_after=NOW)
    return msgspec.structs.replace(an_edge_domain(), certificate=certificate)


def test_scripts_and_stored_settings_of_a_live_domain_may_be_hot() -> None:
    domain = a_live_domain()
    paths = list_hot_paths(domain)
    mirrored = msgspec.structs.replace(domain, sources=(an_edge_source(origin="mirror"),))
    server = msgspec.structs.replace(domain, sources=(an_edge_source(type="python"),))

    assert paths == (
        f"/{an_edge_source().alias}.min.js",
        "/analytics.js/v1/WKSHOPWEB/analytics.min.js",
        "/v1/projects/WKSHOPWEB/settings",
    )
    assert list_hot_paths(mirrored) == paths[:2]
    assert list_hot_paths(server) == ()


def test_nothing_is_hot_while_a_domain_drains_or_has_no_certificate_or_is_ours() -> None:
    domain = a_live_domain()

    assert list_hot_paths(msgspec.structs.replace(domain, is_draining=True)) == ()
    assert list_hot_paths(msgspec.structs.replace(domain, certificate=None)) == ()
    assert list_hot_paths(msgspec.structs.replace(domain, kind=HostKind.DEFAULT)) == ()


def hosts_of_the_table(resources: Resources) -> dict[str, int]:
    """The virtual hosts, and how many routes each has."""
    found = resources.find((ROUTES_TYPE, HTTPS_ROUTES), now=NOW)
    assert found is not None
    table = decode(found.body, ROUTE_CONFIGURATION)
    return {host["name"]: len(host["routes"]) for host in table["virtual_hosts"]}


def test_a_hot_answer_is_dropped_with_the_very_change_of_its_domain(tmp_path: Path) -> None:
    resources = Resources(load_sealer(tmp_path / "edge.key"), https_port=443)
    domain = a_live_domain()

    def entry(revision: int) -> FeedEntry:
        body = msgspec.json.encode(domain)
        return FeedEntry(revision=revision, topic=Topic.EDGE, key=domain.id, body=body)

    resources.apply([entry(1)])
    changes, wanted = resources.list_hot()
    changed = resources.set_hot(dict.fromkeys(wanted, ANSWERS))
    while_hot = hosts_of_the_table(resources)
    again = resources.set_hot(dict.fromkeys(wanted, ANSWERS))
    resources.apply([entry(2)])

    assert len(wanted) == 3
    assert (ROUTES_TYPE, HTTPS_ROUTES) in changed
    assert while_hot == {"cdn evs.cdp.shop.test": 5, "api": 3, "none": 1}
    assert again == frozenset()
    assert hosts_of_the_table(resources) == {"cdn": 2, "api": 3, "none": 1}
    assert resources.list_hot()[0] == changes + 1
