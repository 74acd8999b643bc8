"""What a visit comes to: of the page itself, its policy, consent and other hosts. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from firstparty.csp.device_mode import list_vendor_hosts
from firstparty.sitecheck.consent import find_managers
from firstparty.sitecheck.observed import Exchange, Violation, Visit
from firstparty.sitecheck.remarks import Remark, SiteSource, Weight, good
from firstparty.sitecheck.snippets import (
    Use,
    describe,
    find_use,
    judge_strangers,
    judge_use,
)
from firstparty.sitecheck.tracking import is_under

_SEGMENTS: Final = frozenset({"segment.com", "segment.io", "segmentapis.com"})
_FAILED: Final = 400  # RFC 9110 §15.5
_MOST: Final = 5
_BOUNDS: Final = MappingProxyType(
    {
        "time": "it had not settled in time",
        "bytes": "it loads more than a visit may",
        "requests": "it makes more requests than a visit may",
        "navigations": "it goes from address to address without end",
        "dialogs": "it opens one dialog after another",
        "memory": "it takes more memory than a visit may",
    }
)

# The lines of its policy that an owner has to change for a source; none where they are unknown.
FindPolicyLines = Callable[[SiteSource, Visit], tuple[str, ...]]


def judge_visit(
    visit: Visit, sources: Sequence[SiteSource], *, find_policy_lines: FindPolicyLines
) -> Iterator[Remark]:
    """All that is to say of a visit by anybody."""
    unreached = find_failure(visit)
    if unreached:
        yield Remark(
            weight=Weight.BAD,
            code="page-unreachable",
            sentence=f"The page does not open: {unreached}.",
            fix="Look whether the address is right and public.",
        )
        return
    yield from _judge_page(visit)
    uses = [use for one in sources if (use := find_use(visit, one)).is_there]
    for use in uses:
        yield from judge_use(use)
    yield from judge_strangers(visit, sources)
    if not uses and not visit.is_silent:
        yield _describe_missing(visit)
    yield from _judge_policy(visit, uses, find_policy_lines)
    yield from _judge_messages(visit, uses)
    yield from _judge_hosts(visit)


def judge_privacy(visit: Visit) -> Remark:
    """What is to say of a visit by somebody who wants no tracking (Global Privacy Control)."""
    if find_failure(visit):
        return Remark(
            weight=Weight.UNKNOWN,
            code="gpc-unknown",
            sentence="Could not check what the site does about Global Privacy Control.",
        )
    if not visit.messages:
        return good(
            "gpc-respected",
            "A visitor whose browser says by Global Privacy Control to want no tracking sends "
            "nothing.",
        )
    return Remark(
        weight=Weight.ODD,
        code="gpc-ignored",
        sentence="A visitor whose browser says by Global Privacy Control to want no tracking sends "
        f"{_count(visit.messages)} all the same.",
        fix="Have the source's privacy rules drop them (firstparty sources privacy ID --gpc), or "
        "run the snippet only without the signal:",
        lines=("if (!navigator.globalPrivacyControl) { /* the snippet */ }",),
    )


def find_failure(visit: Visit) -> str:
    """Why the page itself did not come; empty if it did."""
    wanted = visit.page_addresses[-1] if visit.page_addresses else ""
    for one in visit.exchanges:
        is_tunnel = one.method == "CONNECT" and one.host == urlsplit(wanted).hostname
        is_page = one.host == urlsplit(wanted).hostname and one.path == urlsplit(wanted).path
        if one.failure and (is_tunnel or is_page):
            return one.failure
    return visit.failure


def _judge_page(visit: Visit) -> Iterator[Remark]:
    if visit.document.status >= _FAILED:
        yield Remark(
            weight=Weight.ODD,
            code="page-status",
            sentence=f"The page answers {visit.document.status}.",
            fix="Give the address of a page that visitors see.",
        )
    if visit.stopped:
        yield Remark(
            weight=Weight.ODD,
            code=f"page-stopped-{visit.stopped}",
            sentence=f"The visit was ended, since {_BOUNDS[visit.stopped]}; what was seen until "
            "then follows.",
            evidence=visit.page_addresses[-_MOST:],
        )
    if visit.is_silent:
        yield Remark(
            weight=Weight.UNKNOWN,
            code="page-silent",
            sentence="Could not look into the page: a script of it never ends, or it was closed.",
        )
    inside = [one for one in visit.exchanges if one.is_inside]
    if inside:
        yield Remark(
            weight=Weight.ODD,
            code="asks-inside",
            sentence="The page asks for addresses that are not public; the check did not go there.",
            evidence=_say(inside),
            fix="Take what is of a developer's machine or of an inner network out of the page.",
        )


def _describe_missing(visit: Visit) -> Remark:
    managers = find_managers(visit)
    why = f" {managers[0]} may hold it back until visitors consent." if managers else ""
    return Remark(
        weight=Weight.ODD,
        code="snippet-missing",
        sentence=f"No source of yours was loaded by the page, nor by anything on it.{why}",
        fix="Paste the snippet into the page's head: firstparty sources snippet ID.",
    )


def _judge_policy(
    visit: Visit, uses: Sequence[Use], find_lines: FindPolicyLines
) -> Iterator[Remark]:
    for use in uses:
        blocked = [one for one in visit.violations if _concerns(one, use)]
        enforced = [one for one in blocked if not one.is_report_only]
        if enforced:
            lines = find_lines(use.source, visit)
            yield Remark(
                weight=Weight.BAD,
                code="policy-blocks",
                sentence="The page's Content Security Policy keeps Chromium from what "
                f"{use.source.name} needs.",
                evidence=_say_violations(enforced),
                fix="Change the policy to:"
                if lines
                else f"firstparty sources csp {use.source.id} says how.",
                lines=lines,
            )
        elif blocked:
            yield Remark(
                weight=Weight.ODD,
                code="policy-would-block",
                sentence="The page's report-only policy reports what "
                f"{use.source.name} needs: enforced, it would block that.",
                evidence=_say_violations(blocked),
                fix=f"firstparty sources csp {use.source.id} says what to add to it.",
            )
        elif visit.document.policy or visit.document.metas:
            yield good(
                "policy-allows",
                f"The page's policy kept Chromium from nothing that {use.source.name} needs.",
            )


def _concerns(violation: Violation, use: Use) -> bool:
    host = urlsplit(violation.url).hostname
    if host:
        return host in use.source.hosts or host in {one.host for one in use.scripts}
    # Which inline script it was is not told: it may be the snippet, if nothing came of that.
    return bool(use.copies) and not use.scripts and violation.directive.startswith("script-src")


def _judge_messages(visit: Visit, uses: Sequence[Use]) -> Iterator[Remark]:
    managers = find_managers(visit)
    named = ", ".join(managers)
    messages = visit.messages
    if managers and messages:
        yield Remark(
            weight=Weight.ODD,
            code="events-before-consent",
            sentence=f"The page has {named}, and sends {_count(messages)} before the visitor has "
            "said anything.",
            fix="Run the snippet from the consent manager's own callback, or keep only what has "
            "consent: firstparty sources privacy ID --consent CATEGORY.",
        )
    elif managers:
        yield good(
            "consent-waits",
            f"The page has {named}, and sent nothing while the visitor had said nothing.",
        )
    else:
        yield good("consent-none", "No known consent manager is on the page.")
    if messages:
        yield good(
            "messages-seen",
            f"It tried to send {_count(messages)}; the check took them and handed none on.",
            evidence=_say([one for one in visit.exchanges if one.batch]),
        )
    elif uses and not managers:
        yield Remark(
            weight=Weight.ODD,
            code="messages-none",
            sentence="The page sent no message while it was looked at.",
            fix="Call analytics.page() on it, and look whether something holds calls back.",
        )


def _judge_hosts(visit: Visit) -> Iterator[Remark]:
    old = [one for one in visit.exchanges if is_under(one.host, _SEGMENTS)]
    if old:
        yield Remark(
            weight=Weight.ODD,
            code="old-hosts",
            sentence="The page still asks hosts of Segment's.",
            evidence=_say(old),
            fix="Change each of these addresses to the hosts of your domain.",
        )
    vendors = [one for one in visit.exchanges if one.host in list_vendor_hosts()]
    if vendors:
        yield Remark(
            weight=Weight.ODD,
            code="device-mode-hosts",
            sentence="Code on the page talks to vendors directly, past your domain.",
            evidence=_say(vendors),
            fix="Where cloud mode will do, switch the destination to it; the source's page in the "
            "console lists those in device mode.",
        )


def _count(messages: Mapping[str, int]) -> str:
    total = sum(messages.values())
    told = ", ".join(f"{number} {kind}" for kind, number in sorted(messages.items()))
    return f"{total} message{'' if total == 1 else 's'} ({told})"


def _say(exchanges: Sequence[Exchange]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(describe(one) for one in exchanges))[:_MOST]


def _say_violations(violations: Sequence[Violation]) -> tuple[str, ...]:
    return tuple(f"{one.directive}: {one.url or 'inline'}" for one in violations)[:_MOST]
