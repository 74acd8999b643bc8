"""Domains and claims as intent: rows to values and back."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, and_, bindparam, insert, null, or_, select, update

from firstparty.model.claims import Claim, ClaimState
from firstparty.model.domains import Domain, Mode, OwnProxy
from firstparty.model.moves import MoveState
from firstparty.model.names import registrable_domain
from firstparty.model.status import EdgeStatus, Intent, Word
from firstparty.store import tables
from firstparty.store.words import word_column

_DOMAIN: Final = select(tables.domains, tables.claims.c.token).join(
    tables.claims, tables.claims.c.domain_id == tables.domains.c.id
)
_DOMAIN_OF_ID: Final = _DOMAIN.where(tables.domains.c.id == bindparam("domain_id"))
_SERVED: Final = (
    select(tables.domain_sources.c.domain_id, tables.sources.c.id)
    .join(tables.sources, tables.domain_sources.c.source_id == tables.sources.c.id)
    .where(tables.domain_sources.c.domain_id.in_(bindparam("domain_ids", expanding=True)))
    .order_by(tables.sources.c.number)
)
_CLAIM: Final = select(tables.claims).where(tables.claims.c.domain_id == bindparam("domain_id"))


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainFilter:
    """Which domains: of exactly this ``name``, with this ``part`` in the name, that are so."""

    name: str | None = None
    part: str = ""
    word: Word | None = None


def add_domain(connection: Connection, domain: Domain) -> None:
    """Store a new domain with its claim, due to be looked at now."""
    connection.execute(
        insert(tables.domains).values(
            id=domain.id,
            workspace_id=domain.workspace_id,
            name=domain.name,
            registrable=_registrable(domain.name),
            mode=domain.mode,
            cdn_label=domain.cdn_label,
            api_label=domain.api_label,
            description=domain.description,
            has_csp=domain.has_csp,
            intent=domain.intent,
            drains=domain.drains,
            credential_origins=list(domain.credential_origins),
            own_proxy=msgspec.to_builtins(domain.own_proxy) if domain.own_proxy else null(),
            created_at=domain.created_at,
        )
    )
    for source_id in domain.source_ids:
        connection.execute(
            insert(tables.domain_sources).values(domain_id=domain.id, source_id=source_id)
        )
    connection.execute(
        insert(tables.claims).values(
            token=domain.token,
            domain_id=domain.id,
            name=domain.name,
            state=ClaimState.PENDING,
            changed_at=domain.created_at,
        )
    )


def load_domain(connection: Connection, domain_id: str) -> Domain | None:
    """The domain of this id."""
    rows = connection.execute(_DOMAIN_OF_ID, {"domain_id": domain_id})
    return next(iter(_domains(connection, rows)), None)


def list_domains(
    connection: Connection, workspace_id: str, *, after: str = "", limit: int = 100
) -> list[Domain]:
    """Domains of a workspace by id, from after a cursor; removed ones too."""
    rows = connection.execute(
        _DOMAIN.where(tables.domains.c.workspace_id == workspace_id, tables.domains.c.id > after)
        .order_by(tables.domains.c.id)
        .limit(limit)
    )
    return _domains(connection, rows)


def list_present_domains(
    connection: Connection,
    workspace_id: str,
    *,
    only: DomainFilter,
    after: str = "",
    limit: int = 100,
) -> list[Domain]:
    """Domains of a workspace by id, from after a cursor: wanted, or still draining at the edge."""
    query = _DOMAIN.join(tables.statuses, tables.statuses.c.domain_id == tables.domains.c.id).where(
        tables.domains.c.workspace_id == workspace_id,
        tables.domains.c.id > after,
        or_(
            tables.domains.c.intent != Intent.REMOVED,
            tables.statuses.c.edge == EdgeStatus.PUBLISHED,
        ),
    )
    if only.name is not None:
        query = query.where(tables.domains.c.name == only.name)
    if only.part:
        query = query.where(tables.domains.c.name.contains(only.part, autoescape=True))
    if only.word is not None:
        query = query.where(word_column() == only.word)
    rows = connection.execute(query.order_by(tables.domains.c.id).limit(limit))
    return _domains(connection, rows)


def list_clashing_domains(
    connection: Connection, workspace_id: str, name: str, ancestors: Collection[str]
) -> list[Domain]:
    """Domains at, above or below a name: the workspace's own that it wants, and proved ones.

    A claim of another workspace that is not proved is never in the answer.
    """
    rows = connection.execute(
        _DOMAIN.where(
            tables.domains.c.registrable == _registrable(name),
            or_(
                tables.domains.c.name.in_([name, *ancestors]),
                tables.domains.c.name.endswith(f".{name}", autoescape=True),
            ),
            or_(
                and_(
                    tables.domains.c.workspace_id == workspace_id,
                    tables.domains.c.intent != Intent.REMOVED,
                ),
                and_(
                    tables.domains.c.workspace_id != workspace_id,
                    tables.claims.c.state == ClaimState.PROVED,
                ),
            ),
        ).order_by(tables.domains.c.id)
    )
    return _domains(connection, rows)


def load_domains_of_sources(
    connection: Connection, source_ids: Collection[str]
) -> dict[str, Domain]:
    """The domain, not removed, of each of these sources that has one.

    While one domain takes another's place, that is the old one until the new one is live.
    """
    unready = select(tables.moves.c.new_id).where(tables.moves.c.state == MoveState.PREPARING)
    replaced = select(tables.moves.c.old_id).where(tables.moves.c.state == MoveState.DRAINING)
    rows = connection.execute(
        _DOMAIN.add_columns(tables.domain_sources.c.source_id)
        .join(tables.domain_sources, tables.domain_sources.c.domain_id == tables.domains.c.id)
        .where(
            tables.domain_sources.c.source_id.in_(source_ids),
            tables.domains.c.intent != Intent.REMOVED,
            tables.domains.c.id.not_in(unready),
            tables.domains.c.id.not_in(replaced),
        )
    ).all()
    domains = _domains(connection, rows)
    return {row.source_id: domain for row, domain in zip(rows, domains, strict=True)}


def save_intent(
    connection: Connection, domain_id: str, intent: Intent, *, drains: bool = True
) -> None:
    """Store what the owner wants now; ``drains`` matters for a removal alone."""
    connection.execute(
        update(tables.domains)
        .where(tables.domains.c.id == domain_id)
        .values(intent=intent, drains=drains)
    )


def save_credential_origins(
    connection: Connection, domain_id: str, origins: tuple[str, ...]
) -> None:
    """Store which pages may send with credentials."""
    connection.execute(
        update(tables.domains)
        .where(tables.domains.c.id == domain_id)
        .values(credential_origins=list(origins))
    )


def rename_domain(connection: Connection, domain_id: str, name: str) -> None:
    """Store another name for a domain: the service domain's, which the settings say."""
    connection.execute(
        update(tables.domains)
        .where(tables.domains.c.id == domain_id)
        .values(name=name, registrable=_registrable(name))
    )


def load_claim(connection: Connection, domain_id: str) -> Claim:
    """The claim of this domain."""
    row = connection.execute(_CLAIM, {"domain_id": domain_id}).one()
    return _claim(row)


def list_proved_claims(connection: Connection, names: list[str]) -> list[Claim]:
    """Claims that hold one of these names now."""
    rows = connection.execute(
        select(tables.claims).where(
            tables.claims.c.name.in_(names), tables.claims.c.state == ClaimState.PROVED
        )
    )
    return [_claim(row) for row in rows]


def list_proved_claims_below(connection: Connection, name: str) -> list[Claim]:
    """Claims that hold a name under this one now."""
    rows = connection.execute(
        select(tables.claims).where(
            tables.claims.c.name.endswith(f".{name}", autoescape=True),
            tables.claims.c.state == ClaimState.PROVED,
        )
    )
    return [_claim(row) for row in rows]


def save_claim(connection: Connection, claim: Claim, *, now: datetime) -> None:
    """Store the state of a claim."""
    connection.execute(
        update(tables.claims)
        .where(tables.claims.c.token == claim.token)
        .values(state=claim.state, changed_at=now)
    )


def _domains(connection: Connection, rows: Iterable[Row[Any]]) -> list[Domain]:
    """The domains of these rows; their sources come in one query for all of them."""
    rows = list(rows)
    served: dict[str, list[str]] = {row.id: [] for row in rows}
    if not rows:
        return []
    for domain_id, source_id in connection.execute(_SERVED, {"domain_ids": list(served)}):
        served[domain_id].append(source_id)
    return [
        Domain(
            id=row.id,
            workspace_id=row.workspace_id,
            name=row.name,
            token=row.token,
            mode=Mode(row.mode),
            cdn_label=row.cdn_label,
            api_label=row.api_label,
            source_ids=tuple(served[row.id]),
            description=row.description,
            has_csp=row.has_csp,
            intent=Intent(row.intent),
            drains=row.drains,
            own_proxy=msgspec.convert(row.own_proxy, OwnProxy | None),
            credential_origins=tuple(row.credential_origins),
            created_at=row.created_at,
        )
        for row in rows
    ]


def _registrable(name: str) -> str:
    return registrable_domain(name) or name


def _claim(row: Row[Any]) -> Claim:
    return Claim(
        token=row.token, domain_id=row.domain_id, name=row.name, state=ClaimState(row.state)
    )
