"""Which of Safari's rules for cookies applies to a domain on a site, in plain words.

Only what a *server* sets through the domain's hosts is concerned: cookies that scripts write live
for seven days at most in Safari, with a domain of one's own or without. We set, keep and hand on
no cookie at all; the rule matters to whoever sets one behind such a host.
https://webkit.org/blog/11338 and WebKit's NetworkTaskCocoa.mm.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from firstparty.errors import Refused
from firstparty.model.domains import Domain
from firstparty.model.names import registrable_domain
from firstparty.outbound.addresses import parse_host
from firstparty.outbound.names import resolve_with_name

_IPV4_BITS: Final = 16
_IPV6_BITS: Final = 64
_LOOK_UP_SECONDS: Final = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NameFacts:
    """What the DNS says of a name: its addresses, and the name at the end of its CNAMEs."""

    canonical: str
    addresses: tuple[str, ...]


LookUp = Callable[[str], Awaitable[NameFacts]]  # raises OSError where there is no address


class CookieRule(StrEnum):
    """The rule that decides how long Safari keeps a cookie set by the host's answer."""

    THIRD_PARTY = "third-party"  # another site: none is kept
    CNAME = "cname"  # a CNAME to another site: seven days at most
    OTHER_ADDRESS = "other-address"  # no CNAME, an address far from the site's: seven days at most
    NONE = "none"  # as long as the cookie says
    UNKNOWN = "unknown"  # the DNS did not tell


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReport:
    """The rule for one host, why, and what was compared."""

    host: str
    rule: CookieRule
    sentence: str
    canonical: str = ""
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieReport:
    """The report for a site; ``notes`` hold whatever the rule is."""

    site: str
    site_addresses: tuple[str, ...]
    hosts: tuple[HostReport, ...]
    notes: tuple[str, ...]


_SCRIPTS: Final = (
    "Cookies that scripts write, those of Analytics.js too, live for 7 days at most in Safari, "
    "with this domain or without it."
)
_OURS: Final = (
    "Firstparty sets no cookie, keeps none and hands none on: the edge drops them before anything "
    "is read."
)
_TRUST: Final = (
    "The browser sends the cookies of your whole site to these hosts, since they are part of it: "
    "whoever runs this edge is trusted with them."
)
NOTES: Final = (_SCRIPTS, _OURS, _TRUST)


async def look_up_name(name: str) -> NameFacts:
    """What this machine's resolver says of a name; raises OSError where it says nothing."""
    async with asyncio.timeout(_LOOK_UP_SECONDS):  # TimeoutError is an OSError
        canonical, addresses = await resolve_with_name(name)
    return NameFacts(canonical=canonical, addresses=addresses)


async def report_cookies(domain: Domain, site: str, look_up: LookUp) -> CookieReport:
    """Look the site and both hosts up and say which rule applies; raises Refused for a bad site."""
    try:
        host = parse_host(site)
    except ValueError as error:
        raise _refuse(str(error)) from error
    if not isinstance(host, str):
        raise _refuse("that is an address")
    is_same_site = registrable_domain(host) == registrable_domain(domain.name)
    there = await _look_up(look_up, host) if is_same_site else None
    hosts = [
        judge_host(
            name,
            await _look_up(look_up, name) if is_same_site else None,
            site=host,
            there=there,
        )
        for name in domain.hosts
    ]
    addresses = () if there is None else there.addresses
    return CookieReport(site=host, site_addresses=addresses, hosts=tuple(hosts), notes=NOTES)


def _refuse(reason: str) -> Refused:
    return Refused("bad-site", f"The site is a host like www.shop.com: {reason}.", field="site")


async def _look_up(look_up: LookUp, name: str) -> NameFacts | None:
    try:
        return await look_up(name)
    except OSError:
        return None


def judge_host(
    host: str, found: NameFacts | None, *, site: str, there: NameFacts | None
) -> HostReport:
    """The rule for a host of the domain on a page of ``site``; None: the DNS did not tell."""
    rule, sentence = _judge(host, found, site=site, there=there)
    return HostReport(
        host=host,
        rule=rule,
        sentence=sentence,
        canonical=found.canonical if found else "",
        addresses=found.addresses if found else (),
    )


def _judge(
    host: str, found: NameFacts | None, *, site: str, there: NameFacts | None
) -> tuple[CookieRule, str]:
    own = registrable_domain(site)
    if own is None or registrable_domain(host) != own:
        return CookieRule.THIRD_PARTY, (
            f"{host} is not part of {own or site}: Safari keeps no cookie of it on {site}. Use a "
            "subdomain of the site itself."
        )
    if found is None or there is None:
        missing = host if found is None else site
        return CookieRule.UNKNOWN, (
            f"{missing} has no address that could be found: the rule cannot be told yet."
        )
    has_alias = found.canonical != host
    is_the_sites = found.canonical == there.canonical
    if has_alias and not is_the_sites and registrable_domain(found.canonical) != own:
        return CookieRule.CNAME, (
            f"{host} is a CNAME that ends at {found.canonical}, another site: Safari keeps a "
            "cookie set by its answers for 7 days at most. With the subdomain delegated there is "
            "no CNAME."
        )
    if not has_alias and not _is_near(found.addresses, there.addresses):
        return CookieRule.OTHER_ADDRESS, (
            f"{host} has no CNAME, and its address {found.addresses[0]} is not near that of "
            f"{site} ({there.addresses[0]}): where fewer than {_IPV4_BITS} leading bits of IPv4 or "
            f"{_IPV6_BITS} of IPv6 are equal, Safari keeps a cookie set by its answers for 7 days "
            "at most. Only an edge in the site's own network changes that."
        )
    return CookieRule.NONE, (
        f"Neither rule applies to {host}: Safari would keep a cookie set by its answers as long "
        "as the cookie says."
    )


def _is_near(addresses: Iterable[str], others: Iterable[str]) -> bool:
    there = [ip_address(text) for text in others]
    return all(
        any(_shares_prefix(ip_address(text), other) for other in there) for text in addresses
    )


def _shares_prefix(one: IPv4Address | IPv6Address, other: IPv4Address | IPv6Address) -> bool:
    if one.version != other.version:
        return False
    bits = _IPV4_BITS if isinstance(one, IPv4Address) else _IPV6_BITS
    shift = one.max_prefixlen - bits
    return int(one) >> shift == int(other) >> shift
