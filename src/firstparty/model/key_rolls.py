"""A zone's key is replaced by another, and at no moment does a resolver find the zone bogus. Pure.

There is one key (it signs everything), so this is the roll of RFC 6781 §4.1.3 in its cheap form:
both keys are published, and sign the set of keys, from the beginning to the end; all else is signed
by one of them. How long each step lasts follows from TTLs (RFC 7583), but for the parent's: its
DS is the owner's to change.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class RollState(StrEnum):
    """Where a roll stands."""

    ASKED = "asked"  # the reconciler has the next move: it makes the new key
    INTRODUCED = "introduced"  # time: until no cache has the set of keys without the new one
    ANNOUNCED = "announced"  # owner has the next move: the DS at the parent is still the old key's
    RETIRING = "retiring"  # time: until no cache has the old DS, or what the old key signed
    DONE = "done"  # the new key is the zone's key, and the old one is gone


TRANSITIONS: Final[Mapping[RollState, frozenset[RollState]]] = MappingProxyType(
    {
        RollState.ASKED: frozenset({RollState.INTRODUCED}),
        RollState.INTRODUCED: frozenset({RollState.ANNOUNCED}),
        RollState.ANNOUNCED: frozenset({RollState.RETIRING}),
        RollState.RETIRING: frozenset({RollState.ANNOUNCED, RollState.DONE}),
        RollState.DONE: frozenset(),
    }
)

# From here on the parent should have the DS of the new key.
ANNOUNCED: Final = frozenset({RollState.ANNOUNCED, RollState.RETIRING})
INTRODUCTION: Final = timedelta(hours=2)  # the keys' TTL is 1 h; and for secondaries to follow
RETIREMENT: Final = timedelta(days=2)  # DS records have a TTL of a day at most at known parents


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRoll:
    """A roll of one domain's key. ``dnskey`` is the new one's, ``sealed_key`` its private part.

    Both are empty while it is only asked for.
    """

    domain_id: str
    state: RollState
    since: datetime
    dnskey: bytes = b""
    sealed_key: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentDs:
    """What all servers of the parent were just seen to have: a DS of the old key, or none of it."""

    has_old: bool


def next_state(roll: KeyRoll, parent: ParentDs | None, *, now: datetime) -> RollState:
    """The state that a roll is in next; ``parent`` is None where it was not seen now."""
    age = now - roll.since
    is_known = parent is not None
    has_old = parent is not None and parent.has_old
    match roll.state:
        case RollState.ASKED:
            return RollState.INTRODUCED
        case RollState.INTRODUCED if age >= INTRODUCTION:
            return RollState.ANNOUNCED
        case RollState.ANNOUNCED if is_known and not has_old:
            return RollState.RETIRING
        case RollState.RETIRING if has_old:  # it was put back
            return RollState.ANNOUNCED
        case RollState.RETIRING if is_known and age >= RETIREMENT:
            return RollState.DONE
    return roll.state
