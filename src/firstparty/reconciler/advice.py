"""Asks the CA when it wants a certificate renewed (ARI, RFC 9773); the answer is kept with it.

Asked with the first look at a live domain and then as often as the CA says: a CA that gives
no advice, or a bad one, leaves the renewal where the lifetime puts it.
"""

from dataclasses import replace
from datetime import datetime
from typing import Final

from firstparty.certs.renewal import Advice, advised_time
from firstparty.model.certificates import Certificate
from firstparty.reconciler.case import Case
from firstparty.reconciler.choice import Authorities
from firstparty.telemetry import Log

_LOG: Final = Log("reconciler")


def needs_advice(case: Case, *, authorities: frozenset[str], now: datetime) -> bool:
    """Whether the CA of a certificate in service is to be asked now."""
    there = case.certificate
    return (
        there is not None
        and there.authority in authorities
        and now < there.not_after
        and (there.ask_at is None or now >= there.ask_at)
        and not case.is_closed(there.authority, now=now)
    )


async def ask_advice(case: Case, authorities: Authorities, *, now: datetime) -> Certificate | None:
    """The certificate with what its CA says now, beside what it said before; None: it is not asked.

    Part of the watch: asked when it is due.
    """
    there = case.certificate
    if there is None or not needs_advice(case, authorities=authorities.names, now=now):
        return None
    answer = await authorities.by_name[there.authority].fetch_advice(there.chain)
    advised = replace(there, ask_at=now + answer.again)
    if isinstance(answer, Advice):
        advised = replace(
            advised,
            renew_at=advised_time(answer, share=there.share),
            has_advice=True,
            advice_url=answer.explanation_url,
        )
    if advised.due_at != there.due_at:
        _LOG.info(
            "certificate.renewal_moved",
            domain=case.domain.id,
            to=advised.due_at,
            explanation=advised.advice_url,
        )
    return advised
