"""An installation for tests of control: an empty store, its rules, and two workspaces."""

from dataclasses import dataclass
from pathlib import Path

from firstparty.control.callers import SYSTEM, Caller
from firstparty.control.rules import Rules
from firstparty.control.sources import SourceRequest, SourceView, add_source
from firstparty.control.workspaces import add_workspace
from firstparty.model.names import NamePolicy
from firstparty.model.workspaces import Role, SourceType, Workspace
from firstparty.store import tables
from firstparty.store.engine import Store
from tests.builders import NOW

RULES = Rules(
    service_domain="fp.test",
    names=NamePolicy(own_names=("fp.test",), special_use=("test",)),
    upstreams={"us": "https://us.upstream.test", "eu": "https://eu.upstream.test"},
    https_port=443,
    authorities={},
    edge_key=Path("edge.key"),
    library=Path("no-library"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    store: Store
    ours: Workspace
    theirs: Workspace

    def source(
        self, workspace: Workspace | None = None, kind: SourceType = SourceType.JAVASCRIPT
    ) -> SourceView:
        return add_source(
            self.store,
            SYSTEM,
            workspace_id=(workspace or self.ours).id,
            asked=SourceRequest(name="Web shop", type=kind),
            rules=RULES,
            now=NOW,
        )


def an_installation(directory: Path) -> Installation:
    store = Store(f"sqlite:///{directory / 'store.db'}")
    tables.metadata.create_all(store.engine)
    return Installation(
        store=store,
        ours=add_workspace(store, SYSTEM, name="Ours", now=NOW),
        theirs=add_workspace(store, SYSTEM, name="Theirs", now=NOW),
    )


def a_caller(role: Role, *workspaces: Workspace) -> Caller:
    return Caller(
        actor="token:tok_1",
        label="test",
        roles={workspace.id: role for workspace in workspaces},
    )
