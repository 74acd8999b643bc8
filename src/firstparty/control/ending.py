"""Moves that end because one of their domains is removed."""

from datetime import datetime

from sqlalchemy import Connection

from firstparty.model.moves import MoveState, advance_move
from firstparty.model.status import Intent
from firstparty.store.domains import save_intent
from firstparty.store.moves import load_open_move, save_move
from firstparty.store.work import wake


def end_move(connection: Connection, removed_id: str, *, now: datetime) -> None:
    """End the open move of a domain that is being removed; the other one of it stays.

    Without its successor the old domain is what it was. Without the old one, the new has no more
    to wait for.
    """
    move = load_open_move(connection, removed_id)
    if move is None:
        return
    is_done = removed_id == move.old_id and move.state is MoveState.DRAINING
    state = MoveState.ENDED if is_done else MoveState.CANCELLED
    save_move(connection, advance_move(move, state, at=now))
    if removed_id == move.new_id:
        save_intent(connection, move.old_id, Intent.ACTIVE)
        wake(connection, move.old_id, now=now)
