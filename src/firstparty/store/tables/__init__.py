"""Every table of the store, by who writes it; whoever imports this has them all in ``metadata``."""

from firstparty.store.tables.alerts import alerts, channels
from firstparty.store.tables.authorities import breakers, uses
from firstparty.store.tables.columns import Instant, metadata
from firstparty.store.tables.dns_links import dns_links
from firstparty.store.tables.domains import claims, domain_sources, domains, sources
from firstparty.store.tables.feed import changed_sources, feed, revision
from firstparty.store.tables.moves import moves
from firstparty.store.tables.observed import (
    accounts,
    certificates,
    history,
    key_rolls,
    orders,
    statuses,
    zone_keys,
)
from firstparty.store.tables.people import (
    answers,
    audit,
    invitations,
    memberships,
    people,
    sessions,
    tokens,
    tries,
    workspaces,
)

__all__ = [
    "Instant",
    "accounts",
    "alerts",
    "answers",
    "audit",
    "breakers",
    "certificates",
    "changed_sources",
    "channels",
    "claims",
    "dns_links",
    "domain_sources",
    "domains",
    "feed",
    "history",
    "invitations",
    "key_rolls",
    "memberships",
    "metadata",
    "moves",
    "orders",
    "people",
    "revision",
    "sessions",
    "sources",
    "statuses",
    "tokens",
    "tries",
    "uses",
    "workspaces",
    "zone_keys",
]
