"""Who asks: a person, a token or the product itself, and what they may do where.

Denied by default. Whoever has no role in a workspace gets the same answer as for something that
does not exist; only members learn that their role is too small.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from firstparty.errors import Forbidden, NotFound
from firstparty.model.workspaces import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody known. ``actor`` is what the audit log keeps, ``label`` what people read.

    ``everywhere`` is an operator's role, which counts in every workspace.
    """

    actor: str
    label: str
    everywhere: Role | None = None
    roles: Mapping[str, Role] = field(default_factory=dict)

    def role_in(self, workspace_id: str) -> Role | None:
        """The caller's role in a workspace: the greater of the operator's and the member's."""
        own = self.roles.get(workspace_id)
        if own is None or self.everywhere is None:
            return own or self.everywhere
        return own if own.includes(self.everywhere) else self.everywhere


# The product itself, where no person asked: the first start, the demo.
SYSTEM: Final = Caller(actor="system", label="Firstparty", everywhere=Role.OWNER)


def require_role(
    caller: Caller, workspace_id: str, role: Role, *, kind: str, identifier: str
) -> None:
    """Let the caller act as ``role`` on the thing named; raises NotFound or Forbidden.

    ``kind`` and ``identifier`` are what the caller named, never what was found for it.
    """
    has = caller.role_in(workspace_id)
    if has is None:
        raise NotFound(kind, identifier)
    if not has.includes(role):
        raise Forbidden(
            "role-too-small",
            f"This needs the role {role} in the workspace, and you have {has}: "
            "ask an owner or admin of the workspace.",
        )


def require_operator(caller: Caller) -> None:
    """Let an operator who may write act; raises Forbidden."""
    if caller.everywhere is None or not caller.everywhere.includes(Role.ADMIN):
        raise Forbidden(
            "operator-needed",
            "Only an operator of this installation may do this: ask whoever runs it.",
        )
