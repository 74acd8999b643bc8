"""Drives one domain towards what its owner wants: look, do the one thing most needed, save.

Level-triggered: every step decides from what is stored and what is seen, so any of them may run
twice, or die half way. What is most needed is decided by one pure function.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from firstparty.model.claims import ClaimState
from firstparty.model.domains import Mode
from firstparty.model.moves import MoveState
from firstparty.model.status import (
    CertificateStatus,
    DnsStatus,
    Intent,
    Statuses,
    derive_word,
)
from firstparty.reconciler.adoption import adopt
from firstparty.reconciler.advice import ask_advice
from firstparty.reconciler.caa_check import refuse_by_caa
from firstparty.reconciler.case import Case, load_case
from firstparty.reconciler.challenge_alias import ask_alias
from firstparty.reconciler.drain import DrainLimits
from firstparty.reconciler.issuance import Issuance, needs_certificate
from firstparty.reconciler.moving import go_on_moving, is_old_of_move
from firstparty.reconciler.outcome import Outcome
from firstparty.reconciler.ports import Ports
from firstparty.reconciler.proxy import look_at_proxy
from firstparty.reconciler.publication import Service
from firstparty.reconciler.removal import (
    drain,
    is_draining,
    is_unremoved,
    look_for_leftovers,
    remove,
)
from firstparty.reconciler.resting import pause, yield_name
from firstparty.reconciler.revocation import needs_revocation, revoke
from firstparty.reconciler.saving import Saved, save_outcome
from firstparty.reconciler.setbacks import wait_until_allowed
from firstparty.reconciler.signing import Signing
from firstparty.reconciler.verification import ask_owners_dns, check_own_servers, prove
from firstparty.reconciler.watch import ask_hosts, first_probe, watch
from firstparty.store.engine import Store
from firstparty.store.sealing import Sealer
from firstparty.store.work import Lease
from firstparty.telemetry import Log

Clock = Callable[[], datetime]
_LOG: Final = Log("reconciler")


class Need(StrEnum):
    """The one thing most needed, in the order of a domain's path."""

    REVOCATION = "revocation"  # a certificate that nobody is served with should be trusted no more
    DRAIN = "drain"  # the owner wants it gone, and it may not be empty yet
    REMOVAL = "removal"  # the owner wants it gone
    LEFTOVERS = "leftovers"  # it is gone: its records should be too
    REST = "rest"  # the owner wants nothing done
    YIELD = "yield"  # another claim has the name
    PROXY = "proxy"  # the owner's own proxy must pass its checks
    PROOF = "proof"  # the owner's zone must have this claim's records
    SERVERS = "servers"  # our own servers must answer the zone
    CERTIFICATE = "certificate"  # there is none, or it is due
    ADOPTION = "adoption"  # there is one, by another way than an order
    PATIENCE = "patience"  # it is due, and the CA is not to be asked yet
    PROBE = "probe"  # both hosts must answer over HTTPS
    WATCH = "watch"  # it has been live: is it still?


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """A case at a moment, with the names of the CAs that are in use."""

    case: Case
    authorities: frozenset[str]
    now: datetime

    @property
    def statuses(self) -> Statuses:
        """What was observed last."""
        return self.case.observation.statuses

    @property
    def needs_certificate(self) -> bool:
        """Whether a certificate is missing or due."""
        return needs_certificate(self.case, authorities=self.authorities, now=self.now)

    @property
    def may_ask_ca(self) -> bool:
        """Whether the pause after a refusal or an outage is over."""
        not_before = self.case.observation.ca_not_before
        return not_before is None or self.now >= not_before


# The first that applies is the one most needed.
NEEDS: Final[tuple[tuple[Need, Callable[[Situation], bool]], ...]] = (
    (Need.REVOCATION, lambda at: needs_revocation(at.case, now=at.now)),
    (Need.DRAIN, lambda at: is_draining(at.case)),
    (Need.REMOVAL, lambda at: is_unremoved(at.case)),
    (Need.LEFTOVERS, lambda at: at.case.domain.intent is Intent.REMOVED),
    (Need.REST, lambda at: at.case.domain.intent is Intent.PAUSED),
    (Need.YIELD, lambda at: at.case.claim.state is ClaimState.RELEASED),
    (Need.PROXY, lambda at: at.case.domain.mode is Mode.PROXY),
    (Need.PROOF, lambda at: at.case.claim.state is ClaimState.PENDING),
    (Need.SERVERS, lambda at: at.statuses.dns is DnsStatus.PROVED),
    (
        Need.WATCH,
        lambda at: at.statuses.has_been_live and at.statuses.dns is not DnsStatus.SERVING,
    ),
    (Need.PROOF, lambda at: at.statuses.dns is not DnsStatus.SERVING),
    (Need.CERTIFICATE, lambda at: at.needs_certificate and at.may_ask_ca),
    (
        Need.ADOPTION,
        lambda at: (
            not at.needs_certificate and at.statuses.certificate is not CertificateStatus.VALID
        ),
    ),
    (Need.PATIENCE, lambda at: at.case.certificate is None),
    (Need.PROBE, lambda at: not at.statuses.has_been_live),
    (Need.WATCH, lambda _: True),
)


def most_needed(case: Case, *, authorities: frozenset[str], now: datetime) -> Need:
    """What a domain needs most now."""
    at = Situation(case=case, authorities=authorities, now=now)
    return next(need for need, applies in NEEDS if applies(at))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    """Does one step of one domain at a time."""

    store: Store
    ports: Ports
    service: Service
    edge_sealer: Sealer
    signing: Signing
    clock: Clock
    limits: DrainLimits = field(default_factory=DrainLimits)

    async def work_on(self, lease: Lease, *, most_steps: int = 1) -> bool:
        """Take steps, one after the other while the next is due at once, and save each.

        False if somebody else had the domain by then.
        """
        case: Case | None = await asyncio.to_thread(self._load, lease.domain_id)
        while case is not None:
            most_steps -= 1
            saved = await self.take_step(lease, case, may_go_on=most_steps > 0)
            if saved is None:
                return False
            case = saved.onward
        return True

    async def take_step(self, lease: Lease, case: Case, *, may_go_on: bool) -> Saved | None:
        """Take the step most needed and save it; None if somebody else had the domain by then."""
        outcome = await self._step(case)
        if is_old_of_move(case):
            outcome = await self._with_move(case, outcome)
        saved = await asyncio.to_thread(self._save, lease, outcome, may_go_on=may_go_on)
        before = derive_word(case.domain.intent, case.observation.statuses)
        if saved is not None and saved.word is not before:
            codes = [finding.code for finding in outcome.observation.findings]
            _LOG.info("domain.word", domain=lease.domain_id, word=saved.word, findings=codes)
        return saved

    def _load(self, domain_id: str) -> Case:
        with self.store.read() as connection:
            return load_case(connection, domain_id)

    def _save(self, lease: Lease, outcome: Outcome, *, may_go_on: bool) -> Saved | None:
        with self.store.write() as connection:
            return save_outcome(
                connection,
                lease,
                outcome,
                now=self.clock(),
                service=self.service,
                authorities=self.ports.authorities,
                signing=self.signing,
                may_go_on=may_go_on,
            )

    async def _with_move(self, case: Case, outcome: Outcome) -> Outcome:
        """The outcome with what another domain's taking its place needs next."""
        quiet = self.limits.moved_quiet
        if case.move is None or case.move.state is not MoveState.DRAINING:
            return go_on_moving(case, outcome, quiet=quiet, now=self.clock())
        answer = await self.ports.traffic.ask_traffic(case.domain.id, [])
        return go_on_moving(case, outcome, answer, quiet=quiet, now=self.clock())

    async def _get_certificate(self, case: Case) -> Outcome:
        """Order one where a CA may issue, or take the next move of an order."""
        ports, now = self.ports, self.clock()
        refused = await refuse_by_caa(case, ports.dns, self.service, now=now)
        if refused is not None:
            return refused
        if case.order is None:
            has_alias = await ask_alias(case, ports.dns, self.service)
            case = replace(case, observation=replace(case.observation, has_alias=has_alias))
        issuance = Issuance(
            ports.authorities, ports.challenges, self.edge_sealer, self.service.domain
        )
        return await issuance.step(case, clock=self.clock)

    async def _step(self, case: Case) -> Outcome:  # noqa: C901, PLR0911, PLR0912 - one a need
        """The step that is most needed."""
        ports, now = self.ports, self.clock()
        need = most_needed(case, authorities=ports.authorities.names, now=now)
        match need:
            case Need.REVOCATION:
                return await revoke(case, ports.authorities.by_name, self.edge_sealer, now=now)
            case Need.DRAIN:
                return await drain(case, ports.traffic, self.limits, now=now)
            case Need.REMOVAL:
                return remove(case, now=now)
            case Need.LEFTOVERS:
                return await look_for_leftovers(case, ports.dns, self.service, now=now)
            case Need.REST:
                return pause(case, now=now)
            case Need.YIELD:
                return yield_name(case, now=now)
            case Need.PROXY:
                return await look_at_proxy(case, ports.proxies, now=now)
            case Need.PROOF:
                judgement = await ask_owners_dns(case, ports.dns, self.service)
                return prove(case, judgement, service=self.service, now=self.clock())
            case Need.SERVERS:
                return await check_own_servers(case, ports.dns, self.service, now=now)
            case Need.CERTIFICATE:
                return await self._get_certificate(case)
            case Need.ADOPTION:
                return adopt(case, now=now)
            case Need.PATIENCE:
                return wait_until_allowed(case, now=now)
            case Need.PROBE:
                return first_probe(case, await ask_hosts(case, ports.edge), now=self.clock())
            case Need.WATCH:
                async with asyncio.TaskGroup() as group:
                    advised = group.create_task(ask_advice(case, ports.authorities, now=now))
                    watched = group.create_task(watch(case, ports, self.service, now=now))
                return replace(watched.result(), advised=advised.result())
