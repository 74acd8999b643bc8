"""The reconciler's work list: what is due, who works on it, and what they found.

Many reconcilers may share one store. Who works on a domain holds a lease for a while and a fence
number that only grows; a save under an old fence changes nothing, so a worker that slept through
its lease does no harm.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, bindparam, case, insert, or_, select, update

from firstparty.model.drains import Drain
from firstparty.model.findings import DnsRecord, Finding
from firstparty.model.observations import Damper, Observation, Step
from firstparty.model.status import (
    CertificateStatus,
    DnsStatus,
    EdgeStatus,
    ProbeStatus,
    Statuses,
    Word,
)
from firstparty.store import tables

# Built once: what a step of the reconciler asks again and again costs a third of its time so.
_STATUS: Final = select(tables.statuses).where(
    tables.statuses.c.domain_id == bindparam("domain_id")
)
_FENCE: Final = select(tables.statuses.c.fence).where(
    tables.statuses.c.domain_id == bindparam("domain_id")
)
_KEEP: Final = update(tables.statuses).where(
    tables.statuses.c.domain_id == bindparam("of_domain"),
    tables.statuses.c.fence == bindparam("under_fence"),
)
_SAVE: Final = _KEEP.values(
    leased_until=None,
    due_at=case(
        (
            tables.statuses.c.due_at == tables.statuses.c.leased_until,
            bindparam("next_due_at", type_=tables.statuses.c.due_at.type),
        ),
        else_=tables.statuses.c.due_at,
    ),
)
_NEXT_DUE: Final = (
    select(tables.statuses.c.due_at)
    .where(tables.statuses.c.due_at.is_not(None))
    .order_by(tables.statuses.c.due_at)
    .limit(1)
)
_HISTORY: Final = (
    select(tables.history)
    .where(tables.history.c.domain_id == bindparam("domain_id"))
    .order_by(tables.history.c.number.desc())
    .limit(bindparam("limit"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to work on one domain until ``until``."""

    domain_id: str
    fence: int
    until: datetime


def start_work(connection: Connection, domain_id: str, *, now: datetime) -> None:
    """Put a new domain on the list, due now."""
    first = Observation(domain_id=domain_id, stopwatch={Step.ASKED: now})
    connection.execute(
        insert(tables.statuses).values(
            domain_id=domain_id, due_at=now, leased_until=None, fence=0, **_columns(first)
        )
    )


def wake(connection: Connection, domain_id: str, *, now: datetime) -> None:
    """Make a domain due now, also while somebody works on it."""
    connection.execute(
        update(tables.statuses).where(tables.statuses.c.domain_id == domain_id).values(due_at=now)
    )


def lease_due(
    connection: Connection, *, now: datetime, lease: timedelta, limit: int
) -> list[Lease]:
    """Take up to ``limit`` due domains, longest due first. One indexed query finds them."""
    until = now + lease
    is_free = or_(tables.statuses.c.leased_until.is_(None), tables.statuses.c.leased_until <= now)
    due = connection.execute(
        select(tables.statuses.c.domain_id)
        .where(tables.statuses.c.due_at <= now, is_free)
        .order_by(tables.statuses.c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).scalars()
    rows = connection.execute(
        update(tables.statuses)
        .where(tables.statuses.c.domain_id.in_(list(due)))
        # Due again when the lease runs out, should the worker die.
        .values(leased_until=until, due_at=until, fence=tables.statuses.c.fence + 1)
        .returning(tables.statuses.c.domain_id, tables.statuses.c.fence)
    )
    return [Lease(domain_id=row.domain_id, fence=row.fence, until=until) for row in rows]


def extend(
    connection: Connection, leases: Collection[Lease], *, now: datetime, lease: timedelta
) -> None:
    """Keep leases that are still held for so long from now; a wake meanwhile is kept too."""
    until = now + lease
    table = tables.statuses.c
    for one in leases:
        connection.execute(
            update(tables.statuses)
            .where(
                table.domain_id == one.domain_id,
                table.fence == one.fence,
                table.leased_until.is_not(None),
            )
            .values(
                leased_until=until,
                due_at=case((table.due_at == table.leased_until, until), else_=table.due_at),
            )
        )


def save_observation(
    connection: Connection,
    lease: Lease,
    observation: Observation,
    *,
    due_at: datetime | None,
    keeps_lease: bool = False,
) -> bool:
    """Store what was found and give the lease back; False if the lease was lost meanwhile.

    A wake during the work wins over ``due_at``. ``None``: nothing will ever be due by itself.
    ``keeps_lease``: the next step is taken at once, and nothing is due before the lease runs out.
    """
    under = {"of_domain": lease.domain_id, "under_fence": lease.fence}
    values = _columns(observation)
    if keeps_lease:
        saved = connection.execute(_KEEP, under | values)
    else:
        saved = connection.execute(_SAVE, under | {"next_due_at": due_at} | values)
    return saved.rowcount == 1


def release(connection: Connection, lease: Lease, *, now: datetime) -> None:
    """Give a lease back without a result: the domain is due now, for whoever comes."""
    connection.execute(
        update(tables.statuses)
        .where(
            tables.statuses.c.domain_id == lease.domain_id,
            tables.statuses.c.fence == lease.fence,
        )
        .values(leased_until=None, due_at=now)
    )


def is_held(connection: Connection, lease: Lease) -> bool:
    """Whether nobody took the domain over: to be asked inside the transaction that acts."""
    fence = connection.execute(_FENCE, {"domain_id": lease.domain_id}).scalar()
    return bool(fence == lease.fence)


def load_observation(connection: Connection, domain_id: str) -> Observation:
    """What was seen last of this domain."""
    row = connection.execute(_STATUS, {"domain_id": domain_id}).one()
    return _observation(row)


def load_observations(
    connection: Connection, domain_ids: Collection[str]
) -> dict[str, Observation]:
    """What was seen last of these domains, by id."""
    rows = connection.execute(
        select(tables.statuses).where(tables.statuses.c.domain_id.in_(domain_ids))
    )
    return {row.domain_id: _observation(row) for row in rows}


def next_due_at(connection: Connection) -> datetime | None:
    """When the next domain is due, if any ever is."""
    return connection.execute(_NEXT_DUE).scalar()


def add_history(
    connection: Connection,
    domain_id: str,
    word: Word,
    *,
    at: datetime,
    codes: Sequence[str],
    acts: Sequence[str] = (),
) -> None:
    """Keep a change, with the codes of the findings at that moment.

    ``acts``: those of them that somebody must act on. A row with the word of the row before it is
    a change of these alone.
    """
    detail = {"findings": list(codes), "acts": list(acts)}
    connection.execute(
        insert(tables.history).values(domain_id=domain_id, at=at, word=word, detail=detail)
    )


def list_history(connection: Connection, domain_id: str, *, limit: int = 50) -> list[Row[Any]]:
    """The newest changes of the word: rows with ``at``, ``word`` and ``detail``."""
    return list(connection.execute(_HISTORY, {"domain_id": domain_id, "limit": limit}))


def _columns(observation: Observation) -> dict[str, Any]:
    statuses = observation.statuses
    return {
        "dns": statuses.dns,
        "certificate": statuses.certificate,
        "edge": statuses.edge,
        "probe": statuses.probe,
        "has_been_live": statuses.has_been_live,
        "findings": msgspec.to_builtins(observation.findings),
        "facts": msgspec.to_builtins(
            {
                "seen": observation.seen,
                "tries": observation.tries,
                "checked_at": observation.checked_at,
                "stopwatch": dict(observation.stopwatch),
                "ca_refusals": observation.ca_refusals,
                "ca_outages": observation.ca_outages,
                "ca_not_before": observation.ca_not_before,
                "is_rehearsed": observation.is_rehearsed,
                "agreed_since": observation.agreed_since,
                "drain": observation.drain,
                "damper": observation.damper,
                "hidden": observation.hidden,
                "has_alias": observation.has_alias,
            }
        ),
    }


def _observation(row: Row[Any]) -> Observation:
    return Observation(
        domain_id=row.domain_id,
        statuses=Statuses(
            dns=DnsStatus(row.dns),
            certificate=CertificateStatus(row.certificate),
            edge=EdgeStatus(row.edge),
            probe=ProbeStatus(row.probe),
            has_been_live=row.has_been_live,
        ),
        findings=msgspec.convert(row.findings, tuple[Finding, ...]),
        seen=msgspec.convert(row.facts["seen"], tuple[DnsRecord, ...]),
        tries=row.facts["tries"],
        checked_at=msgspec.convert(row.facts["checked_at"], datetime | None),
        stopwatch=msgspec.convert(row.facts["stopwatch"], dict[Step, datetime]),
        ca_refusals=row.facts["ca_refusals"],
        ca_outages=row.facts["ca_outages"],
        ca_not_before=msgspec.convert(row.facts["ca_not_before"], datetime | None),
        is_rehearsed=row.facts.get("is_rehearsed", False),  # not in rows of earlier versions
        agreed_since=msgspec.convert(row.facts.get("agreed_since"), datetime | None),
        drain=msgspec.convert(row.facts.get("drain"), Drain | None),
        damper=msgspec.convert(row.facts.get("damper", {}), Damper),
        hidden=tuple(row.facts.get("hidden", ())),
        has_alias=row.facts.get("has_alias", False),
    )
