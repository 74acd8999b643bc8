import pytest

from firstparty.control.cookies import CookieRule, NameFacts, judge_host, report_cookies
from firstparty.errors import Refused
from tests.builders import a_domain

SITE = "www.shop.com"
SITE_FACTS = NameFacts(canonical=SITE, addresses=("198.51.100.7", "2001:db8:1:2::7"))


OTHER, OURS = "api.cdp.other.com", "api.cdp.shop.com"


@pytest.mark.parametrize(
    ("host", "canonical", "addresses", "rule"),
    [
        (OTHER, OTHER, ["198.51.100.7"], CookieRule.THIRD_PARTY),
        (OURS, "e-1.edge.fp.net", ["198.51.100.7"], CookieRule.CNAME),
        (OURS, "edge.shop.com", ["203.0.113.1"], CookieRule.NONE),
        (OURS, OURS, ["198.51.200.1"], CookieRule.NONE),
        (OURS, OURS, ["198.50.100.7"], CookieRule.OTHER_ADDRESS),
        (OURS, OURS, ["2001:db8:1:2:ffff::1"], CookieRule.NONE),
        (OURS, OURS, ["2001:db8:1:3::7"], CookieRule.OTHER_ADDRESS),
        (OURS, OURS, ["198.51.100.7", "203.0.113.1"], CookieRule.OTHER_ADDRESS),
    ],
)
def test_the_rule_follows_from_the_cname_and_the_addresses(
    host: str, canonical: str, addresses: list[str], rule: CookieRule
) -> None:
    found = NameFacts(canonical=canonical, addresses=tuple(addresses))
    report = judge_host(host, found, site=SITE, there=SITE_FACTS)

    assert report.rule is rule
    assert host in report.sentence


def test_a_cname_to_where_the_sites_own_host_ends_is_no_cloaking() -> None:
    there = NameFacts(canonical="shop.hosting.net", addresses=("203.0.113.1",))
    found = NameFacts(canonical="shop.hosting.net", addresses=("203.0.113.1",))

    assert judge_host("api.shop.com", found, site=SITE, there=there).rule is CookieRule.NONE


async def test_both_hosts_are_reported_and_a_name_that_does_not_resolve_is_unknown() -> None:
    async def look_up(name: str) -> NameFacts:
        if name.startswith("evs."):
            raise OSError("no such name")
        return NameFacts(canonical=name, addresses=("198.51.100.7",))

    report = await report_cookies(a_domain(name="cdp.shop.com"), SITE, look_up)

    assert {one.host: one.rule for one in report.hosts} == {
        "evs.cdp.shop.com": CookieRule.UNKNOWN,
        "api.cdp.shop.com": CookieRule.NONE,
    }
    assert any("sets no cookie" in note for note in report.notes)


@pytest.mark.parametrize("site", ["", "192.0.2.1", "https://www.shop.com", "a b"])
async def test_a_site_that_is_no_host_is_refused(site: str) -> None:
    async def look_up(name: str) -> NameFacts:
        raise AssertionError(name)

    with pytest.raises(Refused, match="a host like"):
        await report_cookies(a_domain(), site, look_up)
