"""What a source needs of a site's policy, and the policy that allows just that."""

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType

from firstparty.csp.device_mode import DeviceModeDestination
from firstparty.csp.evaluate import Attempt, Kind, build_hash
from firstparty.csp.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One thing a page must be allowed.

    ``directive`` and ``expression`` are what allows it; ``otherwise`` is one sentence on what
    happens where it is blocked.
    """

    what: str
    directive: str
    expression: str
    attempt: Attempt
    otherwise: str


def build_page_needs(
    *,
    inline: str,
    script_url: str,
    cdn_origin: str,
    api_origin: str,
    write_key: str,
    destinations: Iterable[DeviceModeDestination] = (),
) -> tuple[Need, ...]:
    """What a page with the HTML snippet needs; ``inline`` is the text of its script element."""
    return (
        Need(
            what="snippet",
            directive="script-src",
            expression=build_hash(inline),
            attempt=Attempt(kind=Kind.INLINE, text=inline),
            otherwise="The snippet does not run: nothing is loaded and nothing is sent.",
        ),
        _script("script", script_url, cdn_origin, "Analytics.js is not loaded: nothing is sent."),
        _script(
            "bundles",
            f"{cdn_origin}/analytics-next/bundles/ajs-destination.bundle.js",
            cdn_origin,
            "Parts of Analytics.js are not loaded: destinations and filters are missing.",
        ),
        Need(
            what="settings",
            directive="connect-src",
            expression=cdn_origin,
            attempt=Attempt(
                kind=Kind.CONNECT, url=f"{cdn_origin}/v1/projects/{write_key}/settings"
            ),
            otherwise="The settings cannot be read: no event is sent at all.",
        ),
        Need(
            what="events",
            directive="connect-src",
            expression=api_origin,
            attempt=Attempt(kind=Kind.CONNECT, url=f"{api_origin}/v1/t"),
            otherwise="Events are blocked in the browser: none arrives.",
        ),
        *(need for one in destinations for host in one.hosts for need in _vendor(one.name, host)),
    )


def build_default_needs(*, cdn_origin: str, api_origin: str, write_key: str) -> tuple[Need, ...]:
    """What a page needs whose visitors are sent on to the default hosts, or some of them."""
    sent = "Visitors who are sent to the default hosts get no settings: nothing of theirs is sent."
    return (
        _script("default bundles", f"{cdn_origin}/analytics-next/bundles/x.js", cdn_origin, sent),
        Need(
            what="default settings",
            directive="connect-src",
            expression=cdn_origin,
            attempt=Attempt(
                kind=Kind.CONNECT, url=f"{cdn_origin}/v1/projects/{write_key}/settings"
            ),
            otherwise=sent,
        ),
        Need(
            what="default events",
            directive="connect-src",
            expression=api_origin,
            attempt=Attempt(kind=Kind.CONNECT, url=f"{api_origin}/v1/t"),
            otherwise="Events of visitors who are sent to the default hosts are blocked.",
        ),
    )


def build_pixel_needs(*, pixel_url: str, api_origin: str) -> tuple[Need, ...]:
    """What a page with a pixel needs."""
    return (
        Need(
            what="pixel",
            directive="img-src",
            expression=api_origin,
            attempt=Attempt(kind=Kind.IMAGE, url=pixel_url),
            otherwise="The pixel is not loaded: its event does not arrive.",
        ),
    )


def build_policy(needs: Iterable[Need]) -> Policy:
    """The directives that allow these needs and nothing else of their kind."""
    directives: dict[str, tuple[str, ...]] = {}
    for need in needs:
        there = directives.get(need.directive, ())
        if need.expression not in there:
            directives[need.directive] = (*there, need.expression)
    return Policy(directives=MappingProxyType(directives))


def _script(what: str, url: str, origin: str, otherwise: str) -> Need:
    return Need(
        what=what,
        directive="script-src",
        expression=origin,
        attempt=Attempt(kind=Kind.SCRIPT, url=url),
        otherwise=otherwise,
    )


def _vendor(name: str, host: str) -> Iterable[Need]:
    origin = f"https://{host}"
    otherwise = f"{name} does not work: it runs in the browser and talks to {host} itself."
    yield _script(name, f"{origin}/", origin, otherwise)
    for directive, kind in (("connect-src", Kind.CONNECT), ("img-src", Kind.IMAGE)):
        yield Need(
            what=name,
            directive=directive,
            expression=origin,
            attempt=Attempt(kind=kind, url=f"{origin}/"),
            otherwise=otherwise,
        )
