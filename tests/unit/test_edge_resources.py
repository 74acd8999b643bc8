from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from firstparty.edge.protobuf import decode
from firstparty.edge.resources import Resources, Unusable
from firstparty.edge.routes import ROUTE_CONFIGURATION
from firstparty.edge.xds import ROUTES_TYPE, SECRET, SECRET_TYPE, Resource
from firstparty.model.feed import EdgeCertificate, FeedEntry, HostKind, HttpChallenge, Topic
from firstparty.store.sealing import Sealer
from tests.builders import an_edge_domain
from tests.pairs import Pair, TestAuthority

NOW = datetime.now(UTC)
SEALER = Sealer(b"k" * 32)
AUTHORITY = TestAuthority()
CDN, API = "evs.cdp.shop.test", "api.cdp.shop.test"
HTTPS, HTTP = (ROUTES_TYPE, "https"), (ROUTES_TYPE, "http")


def resources(*entries: FeedEntry, https_port: int = 443) -> Resources:
    built = Resources(SEALER, https_port=https_port)
    built.apply(entries)
    return built


def an_entry(revision: int = 1, key: str = "dom_1", **parts: Any) -> FeedEntry:
    body = msgspec.json.encode(an_edge_domain(id=key, **parts))
    return FeedEntry(revision=revision, topic=Topic.EDGE, key=key, body=body)


def a_certificate(pair: Pair, *, context: str = "certificate:crt_1") -> EdgeCertificate:
    return EdgeCertificate(
        id="crt_1",
        chain=pair.chain,
        sealed_key=SEALER.seal(pair.key, context=context),
        not_after=NOW + timedelta(days=9),
    )


def hosts_of(built: Resources, table: tuple[str, str] = HTTPS) -> dict[str, list[str]]:
    found = built.find(table, now=NOW)
    assert isinstance(found, Resource)
    routes = decode(found.body, ROUTE_CONFIGURATION)
    return {host["name"]: host["domains"] for host in routes["virtual_hosts"]}


def test_each_host_is_routed_by_its_full_name_on_connections_of_its_own_domain() -> None:
    built = resources(an_entry())

    assert hosts_of(built) == {
        "api": [f"{API}|{API}", f"{CDN}|{API}"],
        "cdn": [f"{API}|{CDN}", f"{CDN}|{CDN}"],
        "none": ["*"],
    }
    assert hosts_of(built, HTTP) == {"known": [API, CDN], "none": ["*"]}


def test_without_domains_there_are_routes_that_find_nothing() -> None:
    assert hosts_of(resources()) == {"none": ["*"]}


@pytest.mark.parametrize(
    ("cdn_host", "api_host"),
    [
        ("*", "api.shop.test"),
        ("*.shop.test", "api.shop.test"),
        ("EVS.shop.test", "api.shop.test"),
        ("evs.shop.test:443", "api.shop.test"),
        ("evs.shop.test", "evs.shop.test"),
        ("evs.shop.test", "api.other.test"),
        ("", "api.shop.test"),
        ("test", "api.shop.test"),
        ("evs.shop.test\n", "api.shop.test"),
    ],
)
def test_a_domain_that_would_break_the_routes_changes_nothing(cdn_host: str, api_host: str) -> None:
    built = resources(an_entry(1))
    changed = built.apply([an_entry(2, "dom_2", cdn_host=cdn_host, api_host=api_host)])

    assert changed == frozenset()
    assert hosts_of(built) == {
        "api": [f"{API}|{API}", f"{CDN}|{API}"],
        "cdn": [f"{API}|{CDN}", f"{CDN}|{CDN}"],
        "none": ["*"],
    }


def test_a_host_under_the_same_name_with_another_certificate_is_elsewhere() -> None:
    console = "console.cdp.shop.test"
    built = resources(
        an_entry(1),
        an_entry(2, "dom_2", cdn_host=console, api_host=console, kind=HostKind.CONSOLE),
        an_entry(3, "dom_3", cdn_host="evs.other.test", api_host="api.other.test"),
    )

    assert hosts_of(built)["console"] == [f"{console}|{console}"]
    assert hosts_of(built)["elsewhere"] == [f"*|{API}", f"*|{console}", f"*|{CDN}"]


def test_an_unreadable_entry_changes_nothing() -> None:
    built = resources(an_entry(1))
    built.apply([FeedEntry(revision=2, topic=Topic.EDGE, key="dom_1", body=b"{")])

    assert hosts_of(built)["cdn"] == [f"{API}|{CDN}", f"{CDN}|{CDN}"]


def test_a_host_that_two_domains_name_is_routed_once_as_the_later_one_says() -> None:
    # Envoy refuses a whole table in which a host comes twice.
    swapped = an_entry(2, "dom_2", cdn_host=API, api_host=CDN)
    built = resources(an_entry(1), swapped)

    assert hosts_of(built) == {
        "cdn": [f"{API}|{API}", f"{CDN}|{API}"],
        "api": [f"{API}|{CDN}", f"{CDN}|{CDN}"],
        "none": ["*"],
    }


def test_when_the_later_one_goes_the_host_is_the_earlier_one_s_again() -> None:
    built = resources(an_entry(1), an_entry(2, "dom_2", cdn_host=API, api_host=CDN))
    built.apply([FeedEntry(revision=3, topic=Topic.EDGE, key="dom_2", body=None)])

    assert hosts_of(built)["cdn"] == [f"{API}|{CDN}", f"{CDN}|{CDN}"]


def test_a_removed_domain_has_neither_routes_nor_secret() -> None:
    built = resources(an_entry(1, certificate=a_certificate(AUTHORITY.issue(CDN, API))))
    changed = built.apply([FeedEntry(revision=2, topic=Topic.EDGE, key="dom_1", body=None)])

    assert changed == {(SECRET_TYPE, CDN), (SECRET_TYPE, API), HTTPS, HTTP}
    assert built.find((SECRET_TYPE, CDN), now=NOW) is None
    assert built.version((SECRET_TYPE, CDN)) is None
    assert hosts_of(built) == {"none": ["*"]}


def test_a_new_certificate_is_a_new_secret_and_the_same_routes() -> None:
    built = resources(an_entry(1, certificate=a_certificate(AUTHORITY.issue(CDN, API))))
    before = {name: built.version(name) for name in (HTTPS, HTTP, (SECRET_TYPE, CDN))}
    built.apply([an_entry(2, certificate=a_certificate(AUTHORITY.issue(CDN, API)))])
    after = {name: built.version(name) for name in (HTTPS, HTTP, (SECRET_TYPE, CDN))}

    assert {name for name in before if before[name] != after[name]} == {(SECRET_TYPE, CDN)}


def test_a_secret_carries_the_chain_and_the_opened_key() -> None:
    pair = AUTHORITY.issue(CDN, API)
    built = resources(an_entry(certificate=a_certificate(pair)))
    found = built.find((SECRET_TYPE, API), now=NOW)

    assert isinstance(found, Resource)
    assert found.version == built.version((SECRET_TYPE, API))
    assert decode(found.body, SECRET) == {
        "name": API,
        "tls_certificate": {
            "certificate_chain": {"inline_bytes": pair.chain.encode()},
            "private_key": {"inline_bytes": pair.key},
        },
    }


def test_a_key_sealed_for_another_certificate_is_unusable() -> None:
    sealed_elsewhere = a_certificate(AUTHORITY.issue(CDN, API), context="certificate:crt_2")
    built = resources(an_entry(certificate=sealed_elsewhere))

    assert isinstance(built.find((SECRET_TYPE, CDN), now=NOW), Unusable)


@pytest.mark.parametrize("name", [CDN.upper(), CDN + ".", "cdp.shop.test", "_no_sni_", ""])
def test_only_lower_case_known_names_have_a_secret(name: str) -> None:
    built = resources(an_entry(certificate=a_certificate(AUTHORITY.issue(CDN, API))))

    assert built.find((SECRET_TYPE, name), now=NOW) is None


def test_other_types_have_no_resources() -> None:
    built = resources(an_entry())

    assert (
        built.find(("type.googleapis.com/envoy.config.cluster.v3.Cluster", "https"), now=NOW)
        is None
    )


@pytest.mark.parametrize(("port", "expected"), [(443, None), (8443, 8443)])
def test_redirects_name_the_https_port_only_where_it_is_not_the_usual_one(
    port: int, expected: int | None
) -> None:
    found = resources(an_entry(), https_port=port).find(HTTP, now=NOW)
    assert isinstance(found, Resource)
    known, _ = decode(found.body, ROUTE_CONFIGURATION)["virtual_hosts"]

    assert known["routes"][1]["redirect"].get("port_redirect") == expected


def a_challenge(revision: int = 1, *, expires_at: datetime = NOW + timedelta(hours=1)) -> FeedEntry:
    challenge = HttpChallenge(
        host=CDN, token="tok", key_authorization="tok.thumb", expires_at=expires_at
    )
    body = msgspec.json.encode(challenge)
    return FeedEntry(revision=revision, topic=Topic.CHALLENGES, key=f"{CDN}/tok", body=body)


@pytest.mark.parametrize(
    ("host", "token", "answer"),
    [
        (CDN, "tok", "tok.thumb"),
        (API, "tok", None),
        (CDN, "TOK", None),
        (CDN, "", None),
        (f"{CDN}/tok", "", None),
        ("", f"{CDN}/tok", None),
    ],
)
def test_a_challenge_is_answered_for_exactly_its_host_and_token(
    host: str, token: str, answer: str | None
) -> None:
    built = resources(a_challenge())

    assert built.key_authorization(host=host, token=token, now=NOW) == answer


def test_an_expired_or_removed_challenge_is_not_answered() -> None:
    expired = resources(a_challenge(expires_at=NOW))
    removed = resources(
        a_challenge(1),
        FeedEntry(revision=2, topic=Topic.CHALLENGES, key=f"{CDN}/tok", body=None),
    )

    assert expired.key_authorization(host=CDN, token="tok", now=NOW) is None
    assert removed.key_authorization(host=CDN, token="tok", now=NOW) is None
