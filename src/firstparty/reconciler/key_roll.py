"""The next step of a roll of a zone's key, and what its owner must do for it."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from firstparty.model.dnssec import build_ds_record, ds_texts
from firstparty.model.findings import Actor, DnsRecord, Finding, Severity
from firstparty.model.key_rolls import ANNOUNCED, KeyRoll, ParentDs, RollState, next_state
from firstparty.model.status import DnsStatus
from firstparty.reconciler.case import Case
from firstparty.reconciler.judgement import Judgement
from firstparty.reconciler.signing import Signing
from firstparty.store.key_rolls import finish_key_roll, save_key_roll

OUTDATED: Final = "ds-outdated"


def read_parent_ds(case: Case, judgement: Judgement) -> ParentDs | None:
    """What the parent has now; None where not all of its servers were heard and agree."""
    if case.roll is None or judgement.dns is not DnsStatus.PROVED:
        return None
    return ParentDs(has_old=bool(_find_old(case, judgement)))


def judge_ds(case: Case, judgement: Judgement) -> tuple[Finding, ...]:
    """Told while the parent has the DS of a key that is on its way out."""
    roll, surplus = case.roll, _find_old(case, judgement)
    if roll is None or roll.state not in ANNOUNCED or not surplus:
        return ()
    name = case.domain.name
    return (
        Finding(
            code="ds-outdated",
            sentence=f"The key of {name} is being replaced: put the DS record given here in the "
            "place of the old one. Until then both keys are good, and nothing breaks.",
            acts=Actor.OWNER,
            severity=Severity.WARNING,
            records=(build_ds_record(name, roll.dnskey),),
            surplus=surplus,
        ),
    )


def go_on_rolling(
    connection: Connection,
    case: Case,
    parent: ParentDs | None,
    signing: Signing,
    *,
    now: datetime,
) -> KeyRoll | None:
    """Take and store the next step; the roll after it."""
    roll = case.roll
    if roll is None or case.zone is None or case.zone.signed is None:
        return roll
    state = next_state(roll, parent, now=now)
    if state is roll.state:
        return roll
    moved = replace(roll, state=state, since=now)
    if state is RollState.DONE:
        finish_key_roll(connection, moved)
        return None
    if state is RollState.INTRODUCED:
        dnskey, sealed_key = signing.make_key(roll.domain_id)
        moved = replace(moved, dnskey=dnskey, sealed_key=sealed_key)
    save_key_roll(connection, moved)
    return moved


def _find_old(case: Case, judgement: Judgement) -> tuple[DnsRecord, ...]:
    """The DS records at the parent that are of the key on its way out, and of that alone."""
    signed = None if case.zone is None else case.zone.signed
    if case.roll is None or signed is None:
        return ()
    is_announced = case.roll.state in ANNOUNCED
    old = signed.other_dnskey if is_announced else signed.dnskey
    if not old:
        return ()
    texts = frozenset(ds_texts(case.domain.name, old))
    return tuple(one for one in judgement.seen if one.type == "DS" and one.value in texts)
