"""Revoking what should be trusted no more: a step that may run twice.

Whoever wants it sets ``Outcome.revoke``: every certificate of the domain that is still good is
marked in the same transaction, and the domain is due until the CA has done it. A domain that stays
in service gets another certificate first, so that no visitor ever meets a revoked one.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from firstparty.certs.progress import Rejected, Revoked, TryLater
from firstparty.model.certificates import Certificate, RevocationReason, sealing_context
from firstparty.model.claims import ClaimState
from firstparty.model.findings import Actor, Finding, Severity
from firstparty.model.status import Intent
from firstparty.reconciler.case import Case
from firstparty.reconciler.choice import CertificateAuthority
from firstparty.reconciler.outcome import AT_ONCE, Outcome, observe
from firstparty.reconciler.pauses import CA_OUTAGE, at_most_last
from firstparty.store.sealing import SealBroken, Sealer
from firstparty.telemetry import Log

_LOG: Final = Log("reconciler")


def needs_revocation(case: Case, *, now: datetime) -> bool:
    """Whether a certificate is to be revoked now and nobody is served with it any more."""
    due_at = revocation_due_at(case)
    return due_at is not None and now >= due_at


def revocation_due_at(case: Case) -> datetime | None:
    """When the CA is to be asked; None: nothing is to be revoked, or not before its successor."""
    marked = case.revocation
    if marked is None:
        return None
    is_over = case.domain.intent is Intent.REMOVED or case.claim.state is ClaimState.RELEASED
    is_replaced = case.certificate is None or case.certificate.id != marked.id
    return marked.revoke_at if is_over or is_replaced else None


async def revoke(
    case: Case, authorities: Mapping[str, CertificateAuthority], sealer: Sealer, *, now: datetime
) -> Outcome:
    """Ask the CA to revoke the certificate that is marked. ``sealer`` is the edge's."""
    marked = case.revocation
    assert marked is not None
    authority = authorities.get(marked.authority)
    if authority is None or now >= marked.not_after:
        return _give_up(case, marked, now=now)  # nobody to ask, or nothing to ask for
    progress = await authority.revoke(
        marked.chain,
        marked.revocation_reason or RevocationReason.CESSATION_OF_OPERATION,
        key_pem=_open_key(marked, sealer),
    )
    match progress:
        case Revoked():
            _LOG.info("certificate.revoked", domain=case.domain.id, certificate=marked.id)
            return _done(case, replace(marked, revoke_at=None, revoked_at=now), now=now)
        case Rejected():
            _LOG.warning(
                "certificate.not_revoked",
                domain=case.domain.id,
                certificate=marked.id,
                problem=progress.problem,
            )
            return _give_up(case, marked, now=now)
        case TryLater():
            return _come_back(case, marked, progress, now=now)


def _open_key(certificate: Certificate, sealer: Sealer) -> bytes | None:
    try:
        return sealer.open(certificate.sealed_key, context=sealing_context(certificate.id))
    except SealBroken:
        return None


def _give_up(case: Case, marked: Certificate, *, now: datetime) -> Outcome:
    """It stays as it is until it expires; the mark is kept in ``revocation_reason``."""
    return _done(case, replace(marked, revoke_at=None), now=now)


def _done(case: Case, certificate: Certificate, *, now: datetime) -> Outcome:
    findings = tuple(one for one in case.observation.findings if one.code != "revocation-waits")
    observation = observe(case.observation, at=now, findings=findings, facts={"ca_outages": 0})
    return Outcome(observation=observation, again=AT_ONCE, revocation=certificate)


def _come_back(case: Case, marked: Certificate, later: TryLater, *, now: datetime) -> Outcome:
    outages = case.observation.ca_outages + 1
    again = at_most_last(CA_OUTAGE, outages) if later.again is None else later.again
    kept = tuple(one for one in case.observation.findings if one.code != "revocation-waits")
    finding = Finding(
        code="revocation-waits",
        sentence=f"The CA ({marked.authority}) cannot revoke the certificate at the moment: "
        f"{later.reason}",
        acts=Actor.NOBODY,
        severity=Severity.WARNING,
    )
    observation = observe(
        case.observation, at=now, findings=(*kept, finding), facts={"ca_outages": outages}
    )
    waiting = replace(marked, revoke_at=now + again)
    return Outcome(observation=observation, again=again, revocation=waiting)
