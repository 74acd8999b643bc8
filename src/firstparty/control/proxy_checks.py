"""Who may have a proxy checked from here, and with which write key."""

from firstparty.control.callers import Caller, require_role
from firstparty.errors import NotFound
from firstparty.model.workspaces import Role
from firstparty.store import workspaces
from firstparty.store.engine import Store


def admit_proxy_check(
    store: Store, caller: Caller, *, workspace_id: str, source_id: str | None
) -> str | None:
    """The write key to send test messages with; None where no source is named.

    Needs the role editor; raises NotFound for a source that is not of this workspace.
    """
    require_role(caller, workspace_id, Role.EDITOR, kind="workspace", identifier=workspace_id)
    if source_id is None:
        return None
    with store.read() as connection:
        source = workspaces.load_source(connection, source_id)
    if source is None or source.workspace_id != workspace_id:
        raise NotFound("source", source_id)
    return source.write_key
