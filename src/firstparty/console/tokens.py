"""API tokens of a workspace: made, shown once, revoked."""

from datetime import timedelta
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from starlette.responses import Response

from firstparty.console.failures import status_of
from firstparty.console.once import redirect_once, take_once
from firstparty.console.pages import redirect, render_page
from firstparty.console.team import team_values
from firstparty.console.visits import Form, Visit
from firstparty.control import tokens
from firstparty.errors import Forbidden, NotFound, Refused
from firstparty.model.workspaces import Role

_TOKENS: Final = 100
# How long a token lives, as a form says it.
LIFETIMES: Final = MappingProxyType(
    {
        "30": ("30 days", timedelta(days=30)),
        "90": ("90 days", timedelta(days=90)),
        "365": ("a year", timedelta(days=365)),
        "": ("until it is revoked", None),
    }
)


def show_tokens(visit: Visit) -> Response:
    """The list, and the form for one more."""
    once = take_once(visit, _subject(visit))
    return _render(visit, {"role": Role.EDITOR, "lifetime": "90"}, once=once)


def add_token(visit: Visit) -> Response:
    """Make one. The page that comes next is the only place where its secret ever is."""
    typed = visit.form.typed()
    try:
        role, lifetime = _parse(visit.form)
        new = tokens.add_token(
            visit.place.store,
            visit.caller,
            workspace_id=visit.path["workspace_id"],
            name=visit.form.text("name"),
            role=role,
            expires_at=None if lifetime is None else visit.now + lifetime,
            now=visit.now,
        )
    except (NotFound, Forbidden):
        raise
    except Refused as refused:
        return _render(visit, typed, wrong=refused)
    return redirect_once(
        visit,
        f"/workspaces/{visit.path['workspace_id']}/tokens",
        subject=_subject(visit),
        facts={"name": new.token.name, "bearer": new.bearer},
    )


def revoke_token(visit: Visit) -> Response:
    """End one at once."""
    workspace_id, token_id = visit.path["workspace_id"], visit.path["token_id"]
    store = visit.place.store
    known = tokens.list_tokens(store, visit.caller, workspace_id=workspace_id, limit=_TOKENS)
    if all(token.id != token_id for token in known):
        raise NotFound("token", token_id)
    tokens.revoke_token(store, visit.caller, token_id, now=visit.now)
    return redirect(visit, f"/workspaces/{workspace_id}/tokens", flash="token-revoked")


def _subject(visit: Visit) -> str:
    return f"token of {visit.path['workspace_id']}"


def _parse(form: Form) -> tuple[Role, timedelta | None]:
    role, lifetime = form.text("role"), form.text("lifetime")
    if role not in set(Role):
        raise Refused("role-unknown", "Choose one of the roles in the list.", field="role")
    if lifetime not in LIFETIMES:
        raise Refused("lifetime-unknown", "Choose one in the list.", field="lifetime")
    return Role(role), LIFETIMES[lifetime][1]


def _render(
    visit: Visit,
    typed: dict[str, Any],
    *,
    wrong: Refused | None = None,
    once: dict[str, str] | None = None,
) -> Response:
    values = team_values(visit, tab="tokens")
    workspace_id = visit.path["workspace_id"]
    found = tokens.list_tokens(
        visit.place.store, visit.caller, workspace_id=workspace_id, limit=_TOKENS
    )
    has = visit.caller.role_in(workspace_id)
    return render_page(
        visit,
        "tokens.html",
        status=status_of(wrong) if wrong else HTTPStatus.OK,
        **values,
        tokens=sorted(found, key=lambda token: (token.revoked_at is not None, token.name)),
        values=typed,
        roles=[(role, role) for role in Role if has is not None and has.includes(role)],
        lifetimes=[(days, label) for days, (label, _) in LIFETIMES.items()],
        once=once,
        wrong=wrong,
    )
