"""How every change of a source begins: the source, and what stands around it."""

from sqlalchemy import Connection

from firstparty.control.callers import Caller, require_role
from firstparty.errors import NotFound
from firstparty.model.domains import Domain
from firstparty.model.workspaces import Role, Source, Workspace
from firstparty.store import workspaces
from firstparty.store.domains import load_domains_of_sources


def load_to_edit(
    connection: Connection, caller: Caller, source_id: str
) -> tuple[Source, Workspace, Domain | None]:
    """The source with its workspace and domain, for an editor; raises NotFound, Forbidden."""
    source = workspaces.load_source(connection, source_id)
    if source is None:
        raise NotFound("source", source_id)
    require_role(caller, source.workspace_id, Role.EDITOR, kind="source", identifier=source_id)
    workspace = workspaces.load_workspace(connection, source.workspace_id)
    assert workspace is not None  # a foreign key holds it
    return source, workspace, load_domains_of_sources(connection, [source_id]).get(source_id)
