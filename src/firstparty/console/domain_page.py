"""What a domain's page shows beyond the view of control: steps, record forms, pace. Pure."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from firstparty.console.words import CERTIFICATE, DNS, EDGE, PROBE, STEPS, say_duration
from firstparty.control.dns_providers import (
    ZONE_FILE,
    WrittenRecords,
    list_dns_providers,
    write_records,
)
from firstparty.control.views import DomainView, RecordView
from firstparty.model.findings import DnsRecord
from firstparty.model.names import registrable_domain
from firstparty.model.observations import Step
from firstparty.model.status import Word

_ON_THE_WAY: Final = frozenset({Word.WAITING, Word.VERIFYING, Word.ISSUING})
_QUICK: Final = timedelta(seconds=2)
_CALM: Final = timedelta(seconds=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusLine:
    """One of the four statuses: what it is called, the chip and the sentence."""

    title: str
    tone: str
    label: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLine:
    """One mark of the stopwatch. ``state`` is done, now or next; ``took`` since the mark before."""

    title: str
    state: str
    at: datetime | None = None
    took: str = ""


def four_statuses(view: DomainView) -> tuple[StatusLine, ...]:
    """The four statuses in the order in which they become green."""
    statuses = view.observation.statuses
    return tuple(
        StatusLine(title=title, tone=tone, label=label, sentence=sentence)
        for title, (tone, label, sentence) in (
            ("DNS", DNS[statuses.dns]),
            ("Certificate", CERTIFICATE[statuses.certificate]),
            ("Edge", EDGE[statuses.edge]),
            ("Probe", PROBE[statuses.probe]),
        )
    )


def steps_of(view: DomainView) -> tuple[StepLine, ...]:
    """The marks reached, the one that is being worked on, and those after it."""
    marks = view.observation.stopwatch
    lines: list[StepLine] = []
    before: datetime | None = None
    is_next = "now" if view.word in _ON_THE_WAY | {Word.FAILING} else "next"
    for step in Step:
        at = marks.get(step)
        if at is None:
            lines.append(StepLine(title=STEPS[step], state=is_next))
            is_next = "next"
            continue
        took = f"+{say_duration(at - before)}" if before else ""
        lines.append(StepLine(title=STEPS[step], state="done", at=at, took=took))
        before = at
    return tuple(lines)


def stopwatch_total(view: DomainView, now: datetime) -> str:
    """The time from the records being found to live (or until now), else since it was asked for.

    What the owner's own DNS took is not ours to count.
    """
    if view.word not in _ON_THE_WAY | {Word.LIVE, Word.WARNING}:
        return ""
    marks = view.observation.stopwatch
    start = marks.get(Step.DELEGATED)
    if start is None:
        asked = marks.get(Step.ASKED)
        return f"Waiting for {say_duration(now - asked)}." if asked else ""
    live = marks.get(Step.LIVE)
    if live is None:
        return f"{say_duration(now - start)} since the records were found."
    return f"Live {say_duration(live - start)} after the records were found."


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordLine:
    """A record as a row: ``relative`` is the name that most providers ask for."""

    record: DnsRecord
    relative: str
    found: bool


def record_lines(records: tuple[RecordView, ...]) -> tuple[RecordLine, ...]:
    """The records as rows of the table form."""
    return tuple(
        RecordLine(
            record=view.record, relative=relative_name(view.record.name)[0], found=view.found
        )
        for view in records
    )


def zone_file(records: tuple[RecordView, ...]) -> str:
    """The records in master file format (RFC 1035 §5.1), names aligned."""
    return "\n".join(
        f"{view.record.name} {view.record.ttl} IN {view.record.type} {view.record.value}"
        for view in records
    )


def provider_forms(view: DomainView) -> tuple[WrittenRecords, ...]:
    """The records in the words of every DNS provider that we know."""
    records = [one.record for one in view.records]
    return tuple(
        write_records(records, domain=view.domain.name, provider=provider)
        for provider in list_dns_providers()
        if provider != ZONE_FILE
    )


def relative_name(name: str) -> tuple[str, str]:
    """What providers ask for: the name below the registered domain, and that domain.

    ``"cdp.shop.com."`` gives ``("cdp", "shop.com")``.
    """
    bare = name.removesuffix(".")
    parent = registrable_domain(bare) or bare.partition(".")[2]
    return bare.removesuffix(f".{parent}"), parent


def refresh_after(view: DomainView) -> timedelta:
    """How long a browser waits before it asks again."""
    return _QUICK if view.word in _ON_THE_WAY | {Word.REMOVING} else _CALM


def digest_of(view: DomainView, *others: object) -> str:
    """Changes whenever the facts shown change, and does not when only the clock moved on.

    So a page is replaced under its reader's hands only when there is something new to read.
    """
    observation = view.observation
    still = replace(
        observation,
        checked_at=None,
        tries=0,
        findings=tuple(replace(finding, look_again_at=None) for finding in observation.findings),
    )
    return hashlib.sha256(repr((replace(view, observation=still), others)).encode()).hexdigest()[
        :16
    ]


def look_again_at(view: DomainView) -> datetime | None:
    """When the first of the findings is looked at again, if any is."""
    times = [f.look_again_at for f in view.observation.findings if f.look_again_at is not None]
    return min(times, default=None)
