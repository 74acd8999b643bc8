"""Orders, certificates and ACME accounts: rows to values and back. Keys are sealed already."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import BindParameter, Connection, Row, bindparam, insert, select, update

from firstparty.model.certificates import (
    Certificate,
    Challenge,
    DnsChallenge,
    HttpChallenge,
    Order,
    OrderState,
    RevocationReason,
)
from firstparty.store import tables

_of_domain: Final[BindParameter[str]] = bindparam("domain_id")
_OPEN_ORDER: Final = (
    select(tables.orders)
    .where(
        tables.orders.c.domain_id == _of_domain,
        tables.orders.c.state.not_in((OrderState.ISSUED, OrderState.FAILED)),
    )
    .order_by(tables.orders.c.changed_at.desc())
)
_CERTIFICATES: Final = (
    select(tables.certificates)
    .where(tables.certificates.c.domain_id == _of_domain)
    .order_by(tables.certificates.c.created_at.desc())
    .limit(bindparam("limit"))
)
_NEXT_REVOCATION: Final = (
    select(tables.certificates)
    .where(
        tables.certificates.c.domain_id == _of_domain,
        tables.certificates.c.revoke_at.is_not(None),
    )
    .order_by(tables.certificates.c.revoke_at)
    .limit(1)
)
_ACCOUNT_URLS: Final = select(tables.accounts.c.authority, tables.accounts.c.url).where(
    tables.accounts.c.url != ""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """An ACME account: its URL at the authority, its key sealed with control's key."""

    authority: str
    url: str
    sealed_key: bytes
    created_at: datetime


def add_order(connection: Connection, order: Order) -> None:
    """Store a new order, its sealed key with it, before the CA is asked for anything."""
    connection.execute(
        insert(tables.orders).values(
            id=order.id,
            domain_id=order.domain_id,
            authority=order.authority,
            state=order.state,
            url=order.url,
            names=list(order.names),
            sealed_key=order.sealed_key,
            challenges=msgspec.to_builtins(order.challenges),
            replaces=order.replaces,
            reason=order.reason,
            changed_at=order.changed_at,
        )
    )


def save_order(connection: Connection, order: Order) -> None:
    """Store the state, URL and challenges of an order."""
    connection.execute(
        update(tables.orders)
        .where(tables.orders.c.id == order.id)
        .values(
            state=order.state,
            url=order.url,
            challenges=msgspec.to_builtins(order.challenges),
            replaces=order.replaces,
            reason=order.reason,
            changed_at=order.changed_at,
        )
    )


def load_open_order(connection: Connection, domain_id: str) -> Order | None:
    """The order of this domain that is neither issued nor failed."""
    row = connection.execute(_OPEN_ORDER, {"domain_id": domain_id}).first()
    return None if row is None else _order(row)


def add_certificate(connection: Connection, certificate: Certificate) -> None:
    """Store an issued and checked certificate."""
    connection.execute(
        insert(tables.certificates).values(
            id=certificate.id,
            domain_id=certificate.domain_id,
            authority=certificate.authority,
            names=list(certificate.names),
            chain=certificate.chain,
            sealed_key=certificate.sealed_key,
            not_before=certificate.not_before,
            not_after=certificate.not_after,
            created_at=certificate.created_at,
        )
    )


def load_newest_certificate(connection: Connection, domain_id: str) -> Certificate | None:
    """The certificate of this domain that was issued last."""
    return next(iter(list_certificates(connection, domain_id, limit=1)), None)


def list_certificates(connection: Connection, domain_id: str, *, limit: int) -> list[Certificate]:
    """The certificates of this domain, the newest first."""
    rows = connection.execute(_CERTIFICATES, {"domain_id": domain_id, "limit": limit})
    return [_certificate(row) for row in rows]


def list_orders(connection: Connection, domain_id: str, *, limit: int) -> list[Order]:
    """The orders of this domain, whose certificates have the same ids, the newest first."""
    rows = connection.execute(
        select(tables.orders)
        .where(tables.orders.c.domain_id == domain_id)
        .order_by(tables.orders.c.changed_at.desc())
        .limit(limit)
    )
    return [_order(row) for row in rows]


def want_revocation(
    connection: Connection, domain_id: str, reason: RevocationReason, *, now: datetime
) -> bool:
    """Mark every certificate of this domain that is still good for revocation, due now.

    May be said twice: one that is marked already keeps its mark. Whether any was marked.
    """
    marked = connection.execute(
        update(tables.certificates)
        .where(
            tables.certificates.c.domain_id == domain_id,
            tables.certificates.c.revocation_reason.is_(None),
            tables.certificates.c.not_after > now,
        )
        .values(revocation_reason=reason, revoke_at=now)
    )
    return marked.rowcount > 0


def load_next_revocation(connection: Connection, domain_id: str) -> Certificate | None:
    """The certificate of this domain that is to be revoked first."""
    row = connection.execute(_NEXT_REVOCATION, {"domain_id": domain_id}).first()
    return None if row is None else _certificate(row)


def save_revocation(connection: Connection, certificate: Certificate) -> None:
    """Store when the CA is asked next to revoke it, and when it did."""
    connection.execute(
        update(tables.certificates)
        .where(tables.certificates.c.id == certificate.id)
        .values(revoke_at=certificate.revoke_at, revoked_at=certificate.revoked_at)
    )


def save_advice(connection: Connection, certificate: Certificate) -> None:
    """Store what its CA advises, and when it is asked again."""
    connection.execute(
        update(tables.certificates)
        .where(tables.certificates.c.id == certificate.id)
        .values(
            renew_at=certificate.renew_at,
            ask_at=certificate.ask_at,
            has_advice=certificate.has_advice,
            advice_url=certificate.advice_url,
        )
    )


def add_account(connection: Connection, account: AccountRow) -> None:
    """Store the account of an authority."""
    connection.execute(
        insert(tables.accounts).values(
            authority=account.authority,
            url=account.url,
            sealed_key=account.sealed_key,
            created_at=account.created_at,
        )
    )


def save_account_url(connection: Connection, authority: str, url: str) -> None:
    """Store the URL that the authority gave the account."""
    connection.execute(
        update(tables.accounts).where(tables.accounts.c.authority == authority).values(url=url)
    )


def load_account_urls(connection: Connection) -> dict[str, str]:
    """The URL of every account that its CA knows, by the authority's name."""
    rows = connection.execute(_ACCOUNT_URLS)
    return {row.authority: row.url for row in rows}


def load_account(connection: Connection, authority: str) -> AccountRow | None:
    """The account of an authority."""
    row = connection.execute(
        select(tables.accounts).where(tables.accounts.c.authority == authority)
    ).first()
    if row is None:
        return None
    return AccountRow(
        authority=row.authority,
        url=row.url,
        sealed_key=row.sealed_key,
        created_at=row.created_at,
    )


def _order(row: Row[Any]) -> Order:
    return Order(
        id=row.id,
        domain_id=row.domain_id,
        authority=row.authority,
        names=tuple(row.names),
        sealed_key=row.sealed_key,
        changed_at=row.changed_at,
        state=OrderState(row.state),
        url=row.url,
        challenges=tuple(map(_challenge, row.challenges)),
        replaces=row.replaces,
        reason=row.reason,
    )


def _challenge(stored: dict[str, str]) -> Challenge:
    """A challenge from its JSON: only http-01 has a token."""
    if "token" in stored:
        return msgspec.convert(stored, HttpChallenge)
    return msgspec.convert(stored, DnsChallenge)


def _certificate(row: Row[Any]) -> Certificate:
    return Certificate(
        id=row.id,
        domain_id=row.domain_id,
        authority=row.authority,
        names=tuple(row.names),
        chain=row.chain,
        sealed_key=row.sealed_key,
        not_before=row.not_before,
        not_after=row.not_after,
        created_at=row.created_at,
        revocation_reason=None
        if row.revocation_reason is None
        else RevocationReason(row.revocation_reason),
        revoke_at=row.revoke_at,
        revoked_at=row.revoked_at,
        renew_at=row.renew_at,
        ask_at=row.ask_at,
        has_advice=row.has_advice,
        advice_url=row.advice_url,
    )
