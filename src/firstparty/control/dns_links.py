"""DNS admin links: made and revoked by people of the workspace, opened by whoever has one.

The secret is in the link alone; the store has its hash. What a link opens is made of the domain's
DNS and of nothing else: no source, no person, no other domain.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from firstparty.control.access import hash_secret
from firstparty.control.callers import Caller, require_role
from firstparty.control.rules import Rules
from firstparty.control.views import DomainView, RecordView, load_views
from firstparty.errors import Conflict, NotFound, Refused
from firstparty.model.dns_links import DnsLink
from firstparty.model.domains import Domain
from firstparty.model.findings import Finding
from firstparty.model.identifiers import new_identifier, random_base62
from firstparty.model.status import Intent, Word
from firstparty.model.workspaces import Role
from firstparty.store import dns_links, domains
from firstparty.store.engine import Store
from firstparty.store.people import add_audit

MAX_DAYS: Final = 90
DEFAULT_DAYS: Final = 14
MAX_OPEN: Final = 20  # of one domain
_SECRET: Final = re.compile(r"[0-9A-Za-z]{43}")  # 256 bits

# What the records of a domain can have wrong: the only findings that a link shows.
_OF_DNS: Final = frozenset(
    {
        "could-not-check",
        "name-conflict",
        "superseded",
        "rests",
        "paused",
        "hides-records",
        "hides-names",
        "records-hidden",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDnsLink:
    """A link and its path on the console, which cannot be shown again."""

    link: DnsLink
    path: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsView:
    """What a link shows."""

    name: str
    word: Word
    is_removed: bool
    records: tuple[RecordView, ...]
    findings: tuple[Finding, ...]
    checked_at: datetime | None
    expires_at: datetime


def add_dns_link(
    store: Store, caller: Caller, domain_id: str, *, days: int = DEFAULT_DAYS, now: datetime
) -> NewDnsLink:
    """Make a link; raises NotFound, Forbidden, and Refused for days that cannot be."""
    if not 1 <= days <= MAX_DAYS:
        raise Refused(
            "days-out-of-range", f"A link works for 1 to {MAX_DAYS} days: choose.", field="days"
        )
    secret = random_base62(43)
    link = DnsLink(
        id=new_identifier("lnk"),
        domain_id=domain_id,
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    with store.write() as connection:
        domain = _load(connection, caller, domain_id, Role.EDITOR)
        if dns_links.count_open_dns_links(connection, domain_id, now=now) >= MAX_OPEN:
            raise Conflict(
                "too-many-links", f"{domain.name} has {MAX_OPEN} links: revoke one that is old."
            )
        dns_links.add_dns_link(connection, hash_secret(secret), link)
        _audit(connection, caller, domain, "dns-link.added", link.id, now=now)
    return NewDnsLink(link=link, path=f"/dns/{secret}")


def list_dns_links(store: Store, caller: Caller, domain_id: str) -> list[DnsLink]:
    """The links of a domain, the newest first, without their secrets."""
    with store.read() as connection:
        _load(connection, caller, domain_id, Role.VIEWER)
        return dns_links.list_dns_links(connection, domain_id)


def revoke_dns_link(
    store: Store, caller: Caller, domain_id: str, link_id: str, *, now: datetime
) -> DnsLink:
    """End a link at once; again changes nothing. Raises NotFound, Forbidden."""
    with store.write() as connection:
        domain = _load(connection, caller, domain_id, Role.EDITOR)
        link = dns_links.revoke_dns_link(connection, domain_id, link_id, now=now)
        if link is None:
            raise NotFound("link", link_id)
        _audit(connection, caller, domain, "dns-link.revoked", link_id, now=now)
        return link


def open_dns_link(store: Store, secret: str, *, rules: Rules, now: datetime) -> DnsView:
    """What the link with this secret shows; raises NotFound for every other, also ended ones."""
    if not _SECRET.fullmatch(secret):
        raise NotFound("page", "this link")
    with store.read() as connection:
        link = dns_links.find_dns_link(connection, hash_secret(secret))
        if link is None or not link.is_open(now):
            raise NotFound("page", "this link")
        domain = domains.load_domain(connection, link.domain_id)
        assert domain is not None  # a foreign key holds it
        (view,) = load_views(connection, [domain], rules)
    return _narrow(view, link)


def _narrow(view: DomainView, link: DnsLink) -> DnsView:
    findings = tuple(
        one
        for one in view.observation.findings
        if one.records or one.surplus or one.code in _OF_DNS
    )
    return DnsView(
        name=view.domain.name,
        word=view.word,
        is_removed=view.domain.intent is Intent.REMOVED,
        records=view.records,
        findings=findings,
        checked_at=view.observation.checked_at,
        expires_at=link.expires_at,
    )


def _load(connection: Connection, caller: Caller, domain_id: str, role: Role) -> Domain:
    domain = domains.load_domain(connection, domain_id)
    if domain is None:
        raise NotFound("domain", domain_id)
    require_role(caller, domain.workspace_id, role, kind="domain", identifier=domain_id)
    return domain


def _audit(
    connection: Connection,
    caller: Caller,
    domain: Domain,
    action: str,
    subject: str,
    *,
    now: datetime,
) -> None:
    add_audit(
        connection,
        at=now,
        workspace_id=domain.workspace_id,
        actor=caller.actor,
        action=action,
        subject=subject,
        detail={"domain": domain.id, "name": domain.name},
    )
