from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.config.addresses import Address
from firstparty.model.claims import cname_targets
from firstparty.model.domains import Mode, build_records
from firstparty.model.findings import DnsRecord, Severity
from firstparty.model.status import DnsStatus
from firstparty.reconciler.cname import judge_pointers
from firstparty.reconciler.judgement import Judgement
from firstparty.reconciler.pointers import read_pointers
from firstparty.resolver.cloudflare import is_cloudflare
from firstparty.resolver.observed import Trouble
from firstparty.resolver.pointing import HostAtServer, HostPointing, PointingAnswer
from tests.builders import a_domain

DOMAIN = a_domain(mode=Mode.CNAME)
CDN, API = cname_targets(DOMAIN.token, "fp.test")
OLD_CDN, _ = cname_targets("tokenofanoldclaim001", "fp.test")


def says(*cnames: str, server: str = "ns1.shop.test", **parts: Any) -> HostAtServer:
    return HostAtServer(server=server, address=Address("192.0.2.1", 53), cnames=cnames, **parts)


def addresses(*texts: str) -> HostAtServer:
    return says(addresses=texts)


def judge(
    cdn: list[HostAtServer],
    api: list[HostAtServer],
    *,
    was_proved: bool = False,
    zone: str | None = "shop.test",
    trouble: Trouble | None = None,
) -> Judgement:
    hosts = tuple(
        HostPointing(host=host, zone=zone, servers=tuple(servers), trouble=trouble)
        for host, servers in zip(DOMAIN.hosts, (cdn, api), strict=True)
    )
    return judge_pointers(
        read_pointers(
            DOMAIN,
            PointingAnswer(hosts=hosts),
            service_domain="fp.test",
            edge_addresses=("192.0.2.80", "2001:db8::80"),
            was_proved=was_proved,
        )
    )


def codes(judgement: Judgement) -> list[str]:
    return [finding.code for finding in judgement.findings]


def test_the_records_are_one_cname_for_each_host_to_a_target_of_its_own() -> None:
    assert build_records(DOMAIN, "fp.test") == (
        DnsRecord(name="evs.cdp.shop.test.", type="CNAME", value=f"{CDN}."),
        DnsRecord(name="api.cdp.shop.test.", type="CNAME", value=f"{API}."),
    )
    assert CDN != API


def test_this_claims_targets_at_every_server_prove_it() -> None:
    both = [says(CDN), says(CDN, server="ns2.shop.test")]
    judgement = judge(both, [says("alias.shop.test", API), says(API, server="ns2.shop.test")])

    assert (judgement.dns, codes(judgement)) == (DnsStatus.PROVED, [])
    assert set(build_records(DOMAIN, "fp.test")) <= set(judgement.seen)


@pytest.mark.parametrize(
    ("cdn", "api", "status", "expected"),
    [
        ([says()], [says()], DnsStatus.WAITING, ["cname-missing"]),
        ([says(CDN)], [says()], DnsStatus.PARTIAL, ["cname-missing"]),
        ([says(OLD_CDN)], [says(API)], DnsStatus.PARTIAL, ["cname-wrong-target"]),
        ([says(API)], [says(CDN)], DnsStatus.PARTIAL, ["cname-wrong-target"]),
        ([addresses("192.0.2.7")], [says(API)], DnsStatus.PARTIAL, ["cname-wrong-target"]),
        ([addresses("104.16.1.1")], [says(API)], DnsStatus.PARTIAL, ["cname-proxied"]),
        ([addresses("2606:4700::1")], [says(API)], DnsStatus.PARTIAL, ["cname-proxied"]),
        ([addresses("192.0.2.80")], [says(API)], DnsStatus.PARTIAL, ["cname-flattened"]),
        ([addresses("2001:DB8::80")], [says(API)], DnsStatus.PARTIAL, ["cname-flattened"]),
        ([says(CDN), says(server="ns2")], [says(API)], DnsStatus.PARTIAL, ["cname-partly"]),
        ([says(CDN), addresses("192.0.2.80")], [says(API)], DnsStatus.PARTIAL, ["cname-partly"]),
        (
            [addresses("104.16.1.1")],
            [addresses("192.0.2.80")],
            DnsStatus.PARTIAL,
            ["cname-proxied", "cname-flattened"],
        ),
        (
            [says(CDN), says(trouble=Trouble.TIMEOUT)],
            [says(API)],
            DnsStatus.UNKNOWN,
            ["could-not-check"],
        ),
        (
            [says(trouble=Trouble.TIMEOUT)],
            [says(trouble=Trouble.TIMEOUT)],
            DnsStatus.UNKNOWN,
            ["could-not-check"],
        ),
    ],
)
def test_anything_else_is_said_and_proves_nothing(
    cdn: list[HostAtServer], api: list[HostAtServer], status: DnsStatus, expected: list[str]
) -> None:
    judgement = judge(cdn, api)

    assert (judgement.dns, codes(judgement)) == (status, expected)
    assert all(finding.severity is Severity.PENDING for finding in judgement.findings)


def test_a_finding_has_the_record_to_add_and_the_one_in_its_way() -> None:
    (finding,) = judge([addresses("104.16.1.1", "2606:4700::1")], [says(API)]).findings

    assert finding.records == build_records(DOMAIN, "fp.test")[:1]
    assert [(one.type, one.value) for one in finding.surplus] == [
        ("A", "104.16.1.1"),
        ("AAAA", "2606:4700::1"),
    ]
    assert "evs.cdp.shop.test" in finding.sentence
    assert "grey cloud" in finding.sentence


def test_a_proved_domain_of_which_one_host_is_gone_is_lost() -> None:
    judgement = judge([says(CDN)], [says()], was_proved=True)

    assert judgement.dns is DnsStatus.LOST
    assert judgement.findings[0].severity is Severity.FAILING


def test_a_zone_that_cannot_be_found_is_no_news() -> None:
    judgement = judge([], [], zone=None, trouble=Trouble.TIMEOUT, was_proved=True)

    assert (judgement.dns, codes(judgement)) == (DnsStatus.UNKNOWN, ["could-not-check"])


ANSWERS = st.sampled_from(
    [
        says(CDN),
        says(API),
        says(OLD_CDN),
        says(),
        addresses("192.0.2.80"),
        addresses("104.16.1.1"),
        says(trouble=Trouble.LAME),
    ]
)


@given(st.lists(ANSWERS, max_size=4), st.lists(ANSWERS, max_size=4), st.booleans())
def test_only_the_right_target_everywhere_proves(
    cdn: list[HostAtServer],
    api: list[HostAtServer],
    was_proved: bool,  # noqa: FBT001 - drawn
) -> None:
    judgement = judge(cdn, api, was_proved=was_proved)
    is_right = bool(cdn and api) and set(cdn) == {says(CDN)} and set(api) == {says(API)}

    assert (judgement.dns is DnsStatus.PROVED) == is_right
    assert bool(judgement.findings) != is_right


@pytest.mark.parametrize(
    ("address", "expected"),
    [("104.16.0.1", True), ("2606:4700:10::1", True), ("192.0.2.1", False), ("::1", False)],
)
def test_addresses_of_cloudflares_proxy_are_known(address: str, *, expected: bool) -> None:
    assert is_cloudflare(address) is expected
