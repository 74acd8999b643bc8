"""The people of a workspace: who is in it, in which role, and who is invited."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from starlette.responses import Response

from firstparty.console.failures import status_of
from firstparty.console.once import redirect_once, take_once
from firstparty.console.pages import redirect, render_page
from firstparty.console.team import team_values
from firstparty.console.visits import Visit
from firstparty.console.words import say_date
from firstparty.control import invitations, members
from firstparty.errors import Forbidden, NotFound, Refused
from firstparty.model.workspaces import Role

_PEOPLE: Final = 200


def show_people(visit: Visit) -> Response:
    """Members, open invitations, and a form for one more."""
    return _render(visit, {"role": Role.EDITOR}, once=take_once(visit, _subject(visit)))


def invite(visit: Visit) -> Response:
    """Invite somebody. The page that comes next is the only place where the link ever is."""
    form = visit.form
    try:
        new = invitations.invite(
            visit.place.store,
            visit.caller,
            workspace_id=visit.path["workspace_id"],
            email=form.text("email"),
            role=_parse_role(form.text("role")),
            now=visit.now,
        )
    except (NotFound, Forbidden):
        raise
    except Refused as refused:
        return _render(visit, form.typed(), wrong=refused)
    return redirect_once(
        visit,
        f"/workspaces/{visit.path['workspace_id']}/people",
        subject=_subject(visit),
        facts={
            "email": new.invitation.email,
            "link": f"{visit.base_url}{new.path}",
            "until": say_date(new.invitation.expires_at),
        },
    )


def withdraw(visit: Visit) -> Response:
    """End an invitation that nobody took."""
    workspace_id, invitation_id = visit.path["workspace_id"], visit.path["invitation_id"]
    store = visit.place.store
    found = invitations.list_invitations(
        store, visit.caller, workspace_id=workspace_id, now=visit.now, limit=_PEOPLE
    )
    if all(each.id != invitation_id for each in found):
        raise NotFound("invitation", invitation_id)
    invitations.withdraw_invitation(store, visit.caller, invitation_id, now=visit.now)
    return redirect(visit, f"/workspaces/{workspace_id}/people", flash="invitation-withdrawn")


def change_role(visit: Visit) -> Response:
    """Give a member another role."""

    def change() -> None:
        members.change_member(
            visit.place.store,
            visit.caller,
            visit.path["person_id"],
            workspace_id=visit.path["workspace_id"],
            role=_parse_role(visit.form.text("role")),
            now=visit.now,
        )

    return _act(visit, change, flash="member-changed")


def remove(visit: Visit) -> Response:
    """Take a member out at once; the account stays."""

    def change() -> None:
        members.remove_member(
            visit.place.store,
            visit.caller,
            visit.path["person_id"],
            workspace_id=visit.path["workspace_id"],
            now=visit.now,
        )

    return _act(visit, change, flash="member-removed")


def _act(visit: Visit, change: Callable[[], None], *, flash: str) -> Response:
    try:
        change()
    except (NotFound, Forbidden):
        raise
    except Refused as refused:
        return _render(visit, {"role": Role.EDITOR}, wrong=refused)
    return redirect(visit, f"/workspaces/{visit.path['workspace_id']}/people", flash=flash)


def _subject(visit: Visit) -> str:
    return f"invitation to {visit.path['workspace_id']}"


def _parse_role(text: str) -> Role:
    if text not in set(Role):
        raise Refused("role-unknown", "Choose one of the roles in the list.", field="role")
    return Role(text)


def _render(
    visit: Visit,
    typed: dict[str, Any],
    *,
    wrong: Refused | None = None,
    once: dict[str, str] | None = None,
) -> Response:
    values = team_values(visit, tab="people")
    store, workspace_id = visit.place.store, visit.path["workspace_id"]
    found = members.list_members(store, visit.caller, workspace_id=workspace_id, limit=_PEOPLE)
    open_ones = (
        invitations.list_invitations(
            store, visit.caller, workspace_id=workspace_id, now=visit.now, limit=_PEOPLE
        )
        if values["is_owner"]
        else []
    )
    return render_page(
        visit,
        "people.html",
        status=status_of(wrong) if wrong else HTTPStatus.OK,
        **values,
        members=sorted(found, key=lambda member: member.email),
        invitations=open_ones,
        values=typed,
        roles=[(role, role) for role in reversed(Role)],
        once=once,
        wrong=wrong,
    )
