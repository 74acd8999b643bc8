"""The audit log, for those who may read it."""

from firstparty.control.callers import Caller, require_operator, require_role
from firstparty.errors import Refused
from firstparty.model.workspaces import Role
from firstparty.store import audit
from firstparty.store.audit import AuditEntry, AuditFilter
from firstparty.store.engine import Store

_MAX_DIGITS = 18


def list_audit(
    store: Store,
    caller: Caller,
    *,
    workspace_id: str | None,
    after: str = "",
    only: AuditFilter = AuditFilter(),  # noqa: B008 - it is immutable
    limit: int = 100,
) -> list[AuditEntry]:
    """Who changed what in a workspace (None: anywhere, for operators), newest first.

    Needs the role admin. ``after`` is the number of an entry: those older than it follow.
    """
    if workspace_id is None:
        require_operator(caller)
    else:
        require_role(caller, workspace_id, Role.ADMIN, kind="workspace", identifier=workspace_id)
    if after and not (after.isascii() and after.isdigit() and len(after) <= _MAX_DIGITS):
        raise Refused("cursor-invalid", "Send `next` of the page before as it was.", field="after")
    with store.read() as connection:
        return audit.list_audit(
            connection,
            workspace_id,
            before=int(after) if after else None,
            only=only,
            limit=limit,
        )
