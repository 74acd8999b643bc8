"""A move: a new domain takes the place of an old one, and both serve until the old one is quiet."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from firstparty.model.claims import IllegalTransition


class MoveState(StrEnum):
    """Where a move stands."""

    PREPARING = "preparing"  # owner has the next move: the new domain is not live yet
    DRAINING = "draining"  # owner has the next move: the sources are the new one's, pages change
    ENDED = "ended"  # over: the old domain was quiet, or removed, and goes
    CANCELLED = "cancelled"  # over: one of the two was removed before, and the other stays


TRANSITIONS: Final[Mapping[MoveState, frozenset[MoveState]]] = MappingProxyType(
    {
        MoveState.PREPARING: frozenset({MoveState.DRAINING, MoveState.CANCELLED}),
        MoveState.DRAINING: frozenset({MoveState.ENDED, MoveState.CANCELLED}),
        MoveState.ENDED: frozenset(),
        MoveState.CANCELLED: frozenset(),
    }
)
OPEN: Final = frozenset({MoveState.PREPARING, MoveState.DRAINING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """From one domain to another of the same workspace, with the same sources."""

    old_id: str
    new_id: str
    state: MoveState = MoveState.PREPARING
    changed_at: datetime


def advance_move(move: Move, state: MoveState, *, at: datetime) -> Move:
    """The move in its next state; raises IllegalTransition for a step not in the table."""
    if state not in TRANSITIONS[move.state]:
        raise IllegalTransition(f"move to {move.new_id}: {move.state} -> {state}")
    return replace(move, state=state, changed_at=at)
