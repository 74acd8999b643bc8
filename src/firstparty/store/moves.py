"""Moves: rows to values and back."""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, Row, bindparam, insert, or_, select, update

from firstparty.model.moves import OPEN, Move, MoveState
from firstparty.store import tables

_ids: Final[BindParameter[list[str]]] = bindparam("domain_ids", expanding=True)
_OPEN: Final = select(tables.moves).where(
    tables.moves.c.state.in_(OPEN),
    or_(tables.moves.c.old_id.in_(_ids), tables.moves.c.new_id.in_(_ids)),
)


def add_move(connection: Connection, move: Move) -> None:
    """Store a new move."""
    connection.execute(
        insert(tables.moves).values(
            old_id=move.old_id, new_id=move.new_id, state=move.state, changed_at=move.changed_at
        )
    )


def save_move(connection: Connection, move: Move) -> None:
    """Store where a move stands."""
    connection.execute(
        update(tables.moves)
        .where(tables.moves.c.new_id == move.new_id)
        .values(state=move.state, changed_at=move.changed_at)
    )


def load_open_move(connection: Connection, domain_id: str) -> Move | None:
    """The open move that this domain is the old or the new one of; a domain has one at most."""
    return load_open_moves(connection, [domain_id]).get(domain_id)


def load_open_moves(connection: Connection, domain_ids: Collection[str]) -> dict[str, Move]:
    """The open move of each of these domains that has one."""
    rows = connection.execute(_OPEN, {"domain_ids": list(domain_ids)})
    moves = [_move(row) for row in rows]
    return {one: move for move in moves for one in (move.old_id, move.new_id) if one in domain_ids}


def _move(row: Row[Any]) -> Move:
    return Move(
        old_id=row.old_id,
        new_id=row.new_id,
        state=MoveState(row.state),
        changed_at=row.changed_at,
    )
