"""API tokens: shown once, stored hashed, never with more power than whoever makes them."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from firstparty.control.access import hash_secret
from firstparty.control.callers import Caller, require_operator, require_role
from firstparty.control.fields import parse_title
from firstparty.errors import Forbidden, NotFound, Refused
from firstparty.model.identifiers import random_base62
from firstparty.model.workspaces import Role, Token
from firstparty.store import people
from firstparty.store.engine import Store
from firstparty.store.workspaces import load_workspace

_BEARER: Final = re.compile(r"fp_[0-9A-Za-z]{20}_[0-9A-Za-z]{43}")  # 256 bits in the last part


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A token and its secret, which cannot be shown again."""

    token: Token
    bearer: str = field(repr=False)


def add_token(
    store: Store,
    caller: Caller,
    *,
    workspace_id: str | None,
    name: str,
    role: Role,
    expires_at: datetime | None = None,
    now: datetime,
) -> NewToken:
    """Make an API token for a workspace (None: for all of them, which needs an operator).

    Raises NotFound, Forbidden, and Refused for a name, role or expiry that cannot be.
    """
    name = parse_title(name, field="name")
    _allow(caller, workspace_id, role)
    if expires_at is not None and expires_at <= now:
        raise Refused(
            "expiry-past", "The expiry is in the past: choose a later one.", field="expires_at"
        )
    number = random_base62(20)
    bearer = f"fp_{number}_{random_base62(43)}"
    token = Token(
        id=f"tok_{number}",
        name=name,
        workspace_id=workspace_id,
        role=role,
        created_at=now,
        expires_at=expires_at,
    )
    with store.write() as connection:
        if workspace_id is not None and load_workspace(connection, workspace_id) is None:
            raise NotFound("workspace", workspace_id)
        people.add_token(connection, hash_secret(bearer), token)
        people.add_audit(
            connection,
            at=now,
            workspace_id=workspace_id,
            actor=caller.actor,
            action="token.added",
            subject=token.id,
            detail={"name": name, "role": role},
        )
    return NewToken(token=token, bearer=bearer)


def list_tokens(
    store: Store, caller: Caller, *, workspace_id: str | None, after: str = "", limit: int = 100
) -> list[Token]:
    """The tokens of a workspace (None: the operators' ones) by id, revoked ones too."""
    _allow(caller, workspace_id, Role.ADMIN)
    with store.read() as connection:
        return people.list_tokens(connection, workspace_id, after=after, limit=limit)


def revoke_token(store: Store, caller: Caller, token_id: str, *, now: datetime) -> Token:
    """End a token at once. Revoking it again changes nothing."""
    with store.write() as connection:
        token = people.load_token(connection, token_id)
        if token is None or (token.workspace_id is None and caller.everywhere is None):
            raise NotFound("token", token_id)
        if token.workspace_id is None:
            require_operator(caller)
        else:
            require_role(caller, token.workspace_id, Role.ADMIN, kind="token", identifier=token_id)
        if people.revoke_token(connection, token_id, now=now):
            people.add_audit(
                connection,
                at=now,
                workspace_id=token.workspace_id,
                actor=caller.actor,
                action="token.revoked",
                subject=token_id,
                detail={"name": token.name},
            )
        revoked = people.load_token(connection, token_id)
    assert revoked is not None  # tokens are never deleted
    return revoked


def is_bearer(text: str) -> bool:
    """Whether the text has the shape of a token of ours."""
    return _BEARER.fullmatch(text) is not None


def _allow(caller: Caller, workspace_id: str | None, role: Role) -> None:
    """An admin makes tokens, and none with a greater role than their own."""
    if workspace_id is None:
        require_operator(caller)
        has = caller.everywhere
    else:
        require_role(caller, workspace_id, Role.ADMIN, kind="workspace", identifier=workspace_id)
        has = caller.role_in(workspace_id)
    if has is None or not has.includes(role):
        raise Forbidden(
            "role-too-small", f"You have the role {has}: a token of yours cannot have {role}."
        )
