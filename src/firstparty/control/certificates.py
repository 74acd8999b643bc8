"""Certificates as their owner sees them: what came of each try; bringing one; giving one up."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from cryptography import x509
from sqlalchemy import Connection

from firstparty.certs.keys import dump_private_key, load_private_key
from firstparty.certs.pair import BadPair, GoodPair, check_pair
from firstparty.control.callers import Caller, require_role
from firstparty.errors import Conflict, NotFound, Refused
from firstparty.model.certificates import (
    IMPORTED,
    Certificate,
    Order,
    OrderState,
    RevocationReason,
    sealing_context,
)
from firstparty.model.domains import Domain
from firstparty.model.identifiers import new_identifier
from firstparty.model.status import Intent
from firstparty.model.workspaces import Role
from firstparty.store import certificates, work
from firstparty.store.domains import load_domain
from firstparty.store.engine import Store
from firstparty.store.people import add_audit
from firstparty.store.sealing import Sealer

MAX_TRIES: Final = 100
MAX_PEM: Final = 100_000


class TryState(StrEnum):
    """What came of one try at one certificate."""

    ORDERED = "ordered"  # the CA, or we, are at it
    FAILED = "failed"  # the reason says why
    REHEARSED = "rehearsed"  # by a staging CA, after a refusal; never served
    CURRENT = "current"  # the newest: served
    REPLACED = "replaced"  # good still, and a newer one is served
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One try: its order, its certificate, or both (they have one id)."""

    id: str
    authority: str
    state: TryState
    changed_at: datetime
    reason: str = ""
    certificate: Certificate | None = None


def list_tries(store: Store, caller: Caller, domain_id: str, *, now: datetime) -> list[Try]:
    """The last hundred tries at certificates of a domain, the newest first; raises NotFound."""
    with store.read() as connection:
        _load(connection, caller, domain_id, Role.VIEWER)
        issued = certificates.list_certificates(connection, domain_id, limit=MAX_TRIES)
        orders = certificates.list_orders(connection, domain_id, limit=MAX_TRIES)
    newest = issued[0].id if issued else None
    tries = [_issued(one, is_newest=one.id == newest, now=now) for one in issued]
    known = {one.id for one in issued}
    tries += [_ordered(one) for one in orders if one.id not in known]
    return sorted(tries, key=lambda one: one.changed_at, reverse=True)[:MAX_TRIES]


def _issued(certificate: Certificate, *, is_newest: bool, now: datetime) -> Try:
    if certificate.revoked_at is not None:
        state = TryState.REVOKED
    elif now >= certificate.not_after:
        state = TryState.EXPIRED
    else:
        state = TryState.CURRENT if is_newest else TryState.REPLACED
    return Try(
        id=certificate.id,
        authority=certificate.authority,
        state=state,
        changed_at=certificate.created_at,
        certificate=certificate,
    )


def _ordered(order: Order) -> Try:
    states = {OrderState.FAILED: TryState.FAILED, OrderState.ISSUED: TryState.REHEARSED}
    return Try(
        id=order.id,
        authority=order.authority,
        state=states.get(order.state, TryState.ORDERED),
        changed_at=order.changed_at,
        reason=order.reason,
    )


def import_certificate(
    store: Store,
    caller: Caller,
    domain_id: str,
    *,
    chain: str,
    private_key: str,
    open_sealer: Callable[[], Sealer],
    now: datetime,
) -> Try:
    """Serve a pair that its owner brings, until a week (a tenth of its life) before it expires.

    Refused with the reason unless it may be served for both hosts now. ``open_sealer`` gives the
    edge's sealer. Raises Refused, Conflict, NotFound.
    """
    with store.read() as connection:
        domain = _load(connection, caller, domain_id, Role.EDITOR)
    pair, key_pem = _check(domain, chain, private_key, now)
    identifier = new_identifier("crt")
    certificate = Certificate(
        id=identifier,
        domain_id=domain.id,
        authority=IMPORTED,
        names=domain.hosts,
        chain=chain,
        sealed_key=open_sealer().seal(key_pem, context=sealing_context(identifier)),
        not_before=pair.not_before,
        not_after=pair.not_after,
        created_at=now,
    )
    if now >= certificate.due_at:
        raise Refused(
            "certificate-expires-soon",
            f"This certificate is not valid after {pair.not_after:%Y-%m-%d %H:%M} UTC, so one by "
            "ACME would take its place at once: bring one that lives longer.",
            field="chain",
        )
    with store.write() as connection:
        _refuse_removed(_load(connection, caller, domain_id, Role.EDITOR))
        certificates.add_certificate(connection, certificate)
        _note(connection, caller, domain, "certificate.imported", now=now)
    return _issued(certificate, is_newest=True, now=now)


def revoke_certificates(store: Store, caller: Caller, domain_id: str, *, now: datetime) -> None:
    """Somebody else may have the private key: replace the certificate, then revoke it and others.

    Said twice, it is done once.
    """
    with store.write() as connection:
        domain = _load(connection, caller, domain_id, Role.EDITOR)
        _refuse_removed(domain)
        reason = RevocationReason.KEY_COMPROMISE
        if certificates.want_revocation(connection, domain.id, reason, now=now):
            _note(connection, caller, domain, "certificate.revoked", now=now)


def _check(domain: Domain, chain: str, private_key: str, now: datetime) -> tuple[GoodPair, bytes]:
    if len(chain) > MAX_PEM or len(private_key) > MAX_PEM:
        raise Refused("certificate-too-long", f"More than {MAX_PEM} characters.", field="chain")
    try:
        key_pem = dump_private_key(load_private_key(private_key.encode()))
    except ValueError:
        raise Refused(
            "private-key-unusable",
            "The private key must be PEM without a passphrase: ECDSA P-256 or P-384, or RSA of "
            "2048 bits or more.",
            field="private_key",
        ) from None
    checked = check_pair(chain, key_pem, names=domain.hosts, now=now, is_exact=False)
    if isinstance(checked, BadPair):
        raise Refused("certificate-unusable", f"The certificate {checked.reason}.", field="chain")
    return checked, key_pem


def _note(
    connection: Connection, caller: Caller, domain: Domain, action: str, *, now: datetime
) -> None:
    add_audit(
        connection,
        at=now,
        workspace_id=domain.workspace_id,
        actor=caller.actor,
        action=action,
        subject=domain.id,
        detail={"name": domain.name},
    )
    work.wake(connection, domain.id, now=now)


def _refuse_removed(domain: Domain) -> None:
    if domain.intent is Intent.REMOVED:
        raise Conflict("domain-removed", f"{domain.name} is removed: ask for it again.")


def _load(connection: Connection, caller: Caller, domain_id: str, role: Role) -> Domain:
    domain = load_domain(connection, domain_id)
    if domain is None:
        raise NotFound("domain", domain_id)
    require_role(caller, domain.workspace_id, role, kind="domain", identifier=domain_id)
    return domain


def find_serial(certificate: Certificate) -> str:
    """The leaf's serial number, hexadecimal, as browsers show it."""
    leaf = x509.load_pem_x509_certificate(certificate.chain.encode())
    return f"{leaf.serial_number:x}"
