"""What there is to tell a workspace: changes of its domains, and what will expire."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, func, select

from firstparty.model.status import Word
from firstparty.store import tables

# A finding that comes and goes within this is told once.
_FLAPPING: Final = timedelta(hours=1)
_MAX_EARLIER: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of a domain's word, or of what there is to act on, as the history has it.

    ``new_codes``: findings to act on that were there neither before nor within the hour.
    """

    number: int
    domain_id: str
    name: str
    workspace_id: str
    at: datetime
    word: Word
    before: Word | None
    codes: tuple[str, ...]
    new_codes: tuple[str, ...] = ()

    @property
    def is_same_word(self) -> bool:
        """Whether only what there is to act on has changed."""
        return self.before is self.word


def list_changes(
    connection: Connection, workspace_id: str, *, after: int, limit: int = 1_000
) -> list[Change]:
    """Changes of a workspace's domains that follow a number, oldest first."""
    history, domains = tables.history.c, tables.domains.c
    rows = connection.execute(
        select(tables.history, domains.name)
        .join(tables.domains, domains.id == history.domain_id)
        .where(domains.workspace_id == workspace_id, history.number > after)
        .order_by(history.number)
        .limit(limit)
    ).all()
    return [_change(connection, row, workspace_id) for row in rows]


def _change(connection: Connection, row: Row[Any], workspace_id: str) -> Change:
    earlier = _list_earlier(connection, row)
    known = {code for one in earlier for code in one.detail.get("findings", ())}
    return Change(
        number=row.number,
        domain_id=row.domain_id,
        name=row.name,
        workspace_id=workspace_id,
        at=row.at,
        word=Word(row.word),
        before=Word(earlier[0].word) if earlier else None,
        codes=tuple(row.detail.get("findings", ())),
        new_codes=tuple(code for code in row.detail.get("acts", ()) if code not in known),
    )


def list_expiring_certificates(
    connection: Connection, workspace_id: str, *, until: datetime
) -> list[tuple[str, datetime]]:
    """Domains of a workspace whose newest certificate ends by a time: names and ends."""
    newest = (
        select(
            tables.certificates.c.domain_id,
            func.max(tables.certificates.c.not_after).label("not_after"),
        )
        .group_by(tables.certificates.c.domain_id)
        .subquery()
    )
    rows = connection.execute(
        select(tables.domains.c.name, newest.c.not_after)
        .join(newest, newest.c.domain_id == tables.domains.c.id)
        .where(
            tables.domains.c.workspace_id == workspace_id,
            tables.domains.c.intent == "active",
            newest.c.not_after <= until,
        )
        .order_by(newest.c.not_after)
    )
    return [(row.name, row.not_after) for row in rows]


def list_expiring_tokens(
    connection: Connection, workspace_id: str, *, now: datetime, until: datetime
) -> list[tuple[str, datetime]]:
    """Tokens of a workspace that end between now and then: names and ends."""
    tokens = tables.tokens.c
    rows = connection.execute(
        select(tokens.name, tokens.expires_at)
        .where(
            tokens.workspace_id == workspace_id,
            tokens.revoked_at.is_(None),
            tokens.expires_at > now,
            tokens.expires_at <= until,
        )
        .order_by(tokens.expires_at)
    )
    return [(row.name, row.expires_at) for row in rows]


def _list_earlier(connection: Connection, row: Row[Any]) -> list[Row[Any]]:
    """The change before this one, and those before it within the hour; newest first."""
    history = tables.history.c
    rows = connection.execute(
        select(tables.history)
        .where(history.domain_id == row.domain_id, history.number < row.number)
        .order_by(history.number.desc())
        .limit(_MAX_EARLIER)
    ).all()
    return [one for at, one in enumerate(rows) if at == 0 or row.at - one.at < _FLAPPING]


def newest_settled(connection: Connection, *, before: datetime) -> int:
    """The number of the newest change of all that is older than ``before``; 0 if none is.

    On PostgreSQL a change may become visible after one of a greater number: never after long.
    """
    history = tables.history.c
    return (
        connection.execute(
            select(history.number)
            .where(history.at < before)
            .order_by(history.number.desc())
            .limit(1)
        ).scalar()
        or 0
    )
