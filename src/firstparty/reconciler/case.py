"""All that is stored of one domain, read in one transaction: what a step decides from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from firstparty.model.authorities import Breaker
from firstparty.model.certificates import Certificate, Order
from firstparty.model.claims import Claim, ClaimState
from firstparty.model.domains import Domain
from firstparty.model.feed import Topic, Zone
from firstparty.model.key_rolls import KeyRoll
from firstparty.model.moves import Move
from firstparty.model.observations import Observation
from firstparty.model.status import Intent, is_live
from firstparty.model.workspaces import Source, SourceType, Workspace
from firstparty.store.certificates import (
    load_account_urls,
    load_newest_certificate,
    load_next_revocation,
    load_open_order,
)
from firstparty.store.domain_counts import count_pending, load_other_homes
from firstparty.store.domains import load_claim, load_domain
from firstparty.store.feed import load_body
from firstparty.store.key_rolls import load_key_roll
from firstparty.store.moves import load_open_move
from firstparty.store.uses import load_breakers
from firstparty.store.work import load_observation
from firstparty.store.workspaces import load_sources, load_workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A domain: what is wanted, what was observed, what is under way, what is published.

    ``order`` is the open one; ``certificate`` the newest; ``revocation`` the one that is to be
    revoked next; ``zone`` is as the feed has it; ``breakers`` are those of authorities that failed.
    ``accounts`` has the URL of each account that a CA knows. ``lone_sources`` are, for a domain
    that is removed, the numbers of those that no other serves.
    ``crowd``: so many names of the same registrable domain this workspace waits for.
    ``move`` is the open one, of which this is the old or the new domain. ``roll`` is the
    replacement of its zone's key, if one is under way.
    """

    workspace: Workspace
    domain: Domain
    claim: Claim
    sources: tuple[Source, ...]
    observation: Observation
    order: Order | None
    certificate: Certificate | None
    zone: Zone | None
    revocation: Certificate | None = None
    breakers: Mapping[str, Breaker] = field(default_factory=dict)
    accounts: Mapping[str, str] = field(default_factory=dict)
    lone_sources: tuple[int, ...] = ()
    crowd: int = 1
    move: Move | None = None
    is_replacement_live: bool = False
    roll: KeyRoll | None = None

    def is_closed(self, authority: str, *, now: datetime) -> bool:
        """Whether this authority is left alone because it failed too often."""
        breaker = self.breakers.get(authority)
        return breaker is not None and breaker.is_open(now)

    @property
    def dnskeys(self) -> tuple[bytes, ...]:
        """The keys that the published zone has; the first is the one that a DS should be of."""
        signed = None if self.zone is None else self.zone.signed
        return () if signed is None else tuple(filter(None, (signed.dnskey, signed.other_dnskey)))

    @property
    def write_key(self) -> str | None:
        """The write key of the first javascript source: what a probe asks the CDN host for."""
        found = (one.write_key for one in self.sources if one.type is SourceType.JAVASCRIPT)
        return next(found, None)


def load_case(connection: Connection, domain_id: str) -> Case:
    """Read the case of a domain that exists: domains are never deleted."""
    domain = load_domain(connection, domain_id)
    assert domain is not None
    workspace = load_workspace(connection, domain.workspace_id)
    assert workspace is not None
    zone = load_body(connection, Topic.ZONES, domain_id)
    move = load_open_move(connection, domain_id)
    claim = load_claim(connection, domain_id)
    sources = tuple(load_sources(connection, domain.source_ids))
    return Case(
        workspace=workspace,
        domain=domain,
        claim=claim,
        sources=sources,
        observation=load_observation(connection, domain_id),
        order=load_open_order(connection, domain_id),
        certificate=load_newest_certificate(connection, domain_id),
        breakers=load_breakers(connection),
        accounts=load_account_urls(connection),
        revocation=load_next_revocation(connection, domain_id),
        zone=None if zone is None else msgspec.json.decode(zone, type=Zone),
        move=move,
        is_replacement_live=move is not None
        and is_live(load_observation(connection, move.new_id).statuses),
        roll=None if zone is None else load_key_roll(connection, domain_id),
        crowd=count_pending(connection, domain.workspace_id, domain.name)
        if claim.state is ClaimState.PENDING
        else 1,
        lone_sources=_load_lone_sources(connection, domain, sources),
    )


def _load_lone_sources(
    connection: Connection, domain: Domain, sources: tuple[Source, ...]
) -> tuple[int, ...]:
    if domain.intent is not Intent.REMOVED:
        return ()
    others = load_other_homes(connection, domain.id, domain.source_ids)
    return tuple(source.number for source in sources if source.id not in others)
