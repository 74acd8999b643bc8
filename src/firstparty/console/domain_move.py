"""Moving a domain: another subdomain takes its place."""

from http import HTTPStatus

from starlette.responses import Response

from firstparty.console.domain import load_domain
from firstparty.console.failures import status_of
from firstparty.console.pages import redirect, render_page, workspace_values
from firstparty.console.visits import Visit
from firstparty.control.callers import require_role
from firstparty.control.moves import MoveRequest, move_domain
from firstparty.errors import Conflict, Forbidden, NotFound, Refused
from firstparty.model.domains import Mode
from firstparty.model.workspaces import Role


def ask_to_move(visit: Visit) -> Response:
    """The form, with what the old domain has."""
    domain = load_domain(visit).domain
    typed = {"cdn_label": domain.cdn_label, "api_label": domain.api_label, "mode": domain.mode}
    return _render(visit, typed, None)


def move(visit: Visit) -> Response:
    """Ask for the new domain, and go on to its records."""
    old, form = load_domain(visit).domain, visit.form
    try:
        if form.text("mode") not in set(Mode):
            raise _no_mode()
        new = move_domain(
            visit.place.store,
            visit.caller,
            old.id,
            asked=MoveRequest(
                name=form.text("name"),
                mode=Mode(form.text("mode")),
                cdn_label=form.text("cdn_label"),
                api_label=form.text("api_label"),
            ),
            rules=visit.place.rules,
            now=visit.now,
        )
    except (NotFound, Forbidden):
        raise
    except Refused as refused:
        if isinstance(refused, Conflict) and refused.field is None:
            raise  # about the old domain, not about what was typed
        return _render(visit, form.typed(), refused)
    path = f"/workspaces/{old.workspace_id}/domains/{new.domain.id}"
    return redirect(visit, path, flash="domain-added")


def _no_mode() -> Refused:
    return Refused("mode-unknown", "Choose delegation or CNAME.", field="mode")


def _render(visit: Visit, typed: dict[str, str], wrong: Refused | None) -> Response:
    values = workspace_values(visit, area="domains")
    view = load_domain(visit)
    require_role(
        visit.caller,
        view.domain.workspace_id,
        Role.EDITOR,
        kind="domain",
        identifier=view.domain.id,
    )
    return render_page(
        visit,
        "domain_move.html",
        status=status_of(wrong) if wrong else HTTPStatus.OK,
        **values,
        view=view,
        here=f"{values['base']}/domains/{view.domain.id}",
        values=typed,
        wrong=wrong,
    )
