"""What a check is, and what it finds. Which checks there are is for ``serve`` to say."""

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from firstparty.model.findings import DnsRecord, Finding, Severity


class Verdict(StrEnum):
    """What was found."""

    PASS = "pass"  # noqa: S105 - a word of the command line
    WARN = "warn"  # it works, and should be changed
    FAIL = "fail"  # visitors or messages are lost
    UNKNOWN = "unknown"  # could not check: not knowing is not failing


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One thing that a check found. ``fix`` says what to change; empty where nothing is to be.

    ``evidence`` is what it rests on, ``lines`` what to put somewhere as it is; a line each.
    """

    verdict: Verdict
    sentence: str
    code: str = ""
    fix: str = ""
    evidence: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()


Look = Callable[[], AsyncGenerator[Found, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Something to look at; ``look`` tells what it finds, one by one. ``name`` is stable."""

    name: str
    title: str
    deadline: timedelta
    look: Look


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Something found, by which check, and how long after the start."""

    check: str
    title: str
    found: Found
    after: timedelta


class Doctor(Protocol):
    """Which checks there are. Their looks MUST NOT raise for what another side does."""

    def list_domain_checks(self, domain_id: str, *, with_message: bool) -> Sequence[Check]:
        """The checks of a domain that exists; ``with_message``: a test message is sent."""
        ...

    def list_address_checks(
        self, address: str, *, workspace_id: str, with_browser: bool
    ) -> Sequence[Check]:
        """The checks of a site's page or a proxy, for somebody of this workspace.

        ``with_browser``: the page is opened in one, too.

        Raises Refused for what is no address.
        """
        ...


def read_findings(findings: Iterable[Finding], *, good: str) -> tuple[Found, ...]:
    """What these findings of the reconciler's mean here; ``good`` is said where there are none."""
    found = tuple(
        Found(
            verdict=Verdict.FAIL if one.severity is Severity.FAILING else Verdict.WARN,
            code=one.code,
            sentence=one.sentence,
            fix=_fix_of(one),
        )
        for one in findings
    )
    return found or (Found(verdict=Verdict.PASS, sentence=good),)


def summarise(results: Iterable[Result]) -> Verdict:
    """The word for all of them: the worst. What could not be checked counts as a warning."""
    verdicts = {result.found.verdict for result in results}
    if Verdict.FAIL in verdicts:
        return Verdict.FAIL
    return Verdict.WARN if verdicts & {Verdict.WARN, Verdict.UNKNOWN} else Verdict.PASS


def _fix_of(finding: Finding) -> str:
    add = [f"add {_say(record)}" for record in finding.records]
    drop = [f"delete {_say(record)}" for record in finding.surplus]
    return "; ".join((*add, *drop))


def _say(record: DnsRecord) -> str:
    return f"{record.name} {record.ttl} IN {record.type} {record.value}"
