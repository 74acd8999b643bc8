"""What the pages about a workspace itself have in common."""

from typing import Any

from firstparty.console.pages import workspace_values
from firstparty.console.visits import Visit
from firstparty.model.workspaces import Role


def team_values(visit: Visit, *, tab: str) -> dict[str, Any]:
    """The values of a workspace's page, and which of the tabs the caller may open."""
    values = workspace_values(visit, area="people")
    role = visit.caller.role_in(values["workspace"].id)
    return values | {
        "tab": tab,
        "is_admin": role is not None and role.includes(Role.ADMIN),
        "is_owner": role is not None and role.includes(Role.OWNER),
    }
