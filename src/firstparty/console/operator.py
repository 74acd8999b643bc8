"""Pages for operators: workspaces, certificate queue, what runs here, versions of Analytics.js."""

from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import Response

from firstparty.console.failures import status_of
from firstparty.console.pages import redirect, render_page
from firstparty.console.visits import Visit
from firstparty.control import machine, plans
from firstparty.control.callers import require_operator
from firstparty.control.certificate_queue import show_queue
from firstparty.control.workspaces import add_workspace, show_workspace
from firstparty.errors import Conflict, Forbidden, NotFound, Refused
from firstparty.model.domains import Mode
from firstparty.model.plans import Plan
from firstparty.store.usage import WorkspaceUsage

_PAGE: Final = 100
_HOME: Final = "/operator"
_MODES: Final = {
    Mode.DELEGATION: "Delegation",
    Mode.CNAME: "CNAME",
    Mode.PROXY: "A proxy of their own",
}


def show_workspaces(visit: Visit) -> Response:
    """Every workspace with its plan and what it uses."""
    return _render_workspaces(visit, {})


def make_workspace(visit: Visit) -> Response:
    """Make one more; what is wrong is said beside the field."""
    try:
        made = add_workspace(
            visit.place.store, visit.caller, name=visit.form.text("name"), now=visit.now
        )
    except Forbidden:
        raise
    except Refused as refused:
        return _render_workspaces(visit, visit.form.typed(), refused)
    return redirect(visit, f"{_HOME}/workspaces/{made.id}", flash="workspace-added")


def show_plan(visit: Visit) -> Response:
    """One workspace: what it uses, and its plan as a form."""
    usage = _find_usage(visit)
    plan = usage.workspace.plan
    modes = set(Mode) if plan.modes is None else set(plan.modes)
    values = {"max_domains": "" if plan.max_domains is None else str(plan.max_domains)}
    return _render_plan(visit, usage, values, modes)


def save_plan(visit: Visit) -> Response:
    """Set the plan."""
    usage = _find_usage(visit)
    chosen = {mode for mode in Mode if mode in visit.form.texts("modes")}
    try:
        plan = Plan(
            modes=None if chosen == set(Mode) else tuple(sorted(chosen)),
            max_domains=_parse_number(visit.form.text("max_domains")),
        )
        plans.set_plan(visit.place.store, visit.caller, usage.workspace.id, plan, now=visit.now)
    except (Forbidden, NotFound):
        raise
    except Refused as refused:
        return _render_plan(visit, usage, visit.form.typed(), chosen, refused)
    return redirect(visit, f"{_HOME}/workspaces/{usage.workspace.id}", flash="plan-changed")


def show_certificates(visit: Visit) -> Response:
    """The authorities' limits, what is used of them, and who waits until when."""
    place = visit.place
    queue = show_queue(place.store, visit.caller, rules=place.rules, now=visit.now)
    return _render(visit, "operator_certificates.html", "certificates", queue=queue)


def show_system(visit: Visit) -> Response:
    """Processes, edge and log."""
    state = machine.show_machine(visit.place.machine, visit.caller, now=visit.now)
    return _render(visit, "operator_system.html", "system", state=state)


def show_library(visit: Visit) -> Response:
    """The versions of Analytics.js."""
    return _render_library(visit, {})


def install_version(visit: Visit) -> Response:
    """Install one from npm."""
    place, version = visit.place, visit.form.text("version")
    try:
        machine.install_version(place.store, place.machine, visit.caller, version, now=visit.now)
    except Forbidden:
        raise
    except Refused as refused:
        return _render_library(visit, visit.form.typed(), refused)
    return redirect(visit, f"{_HOME}/library", flash="version-installed")


def remove_version(visit: Visit) -> Response:
    """Serve one no more."""
    place, version = visit.place, visit.form.text("version")
    try:
        machine.remove_version(place.store, place.machine, visit.caller, version, now=visit.now)
    except Conflict as conflict:
        return _render_library(visit, {}, conflict)
    return redirect(visit, f"{_HOME}/library", flash="version-removed")


def _render_workspaces(
    visit: Visit, typed: dict[str, str], wrong: Refused | None = None
) -> Response:
    part = visit.query.get("q", "").strip()
    found = machine.list_usage(
        visit.place.store,
        visit.caller,
        part=part,
        after=visit.query.get("after", ""),
        limit=_PAGE + 1,
    )
    next_page = ""
    if len(found) > _PAGE:
        query = {"after": found[_PAGE - 1].workspace.id} | ({"q": part} if part else {})
        next_page = f"{_HOME}/workspaces?{urlencode(query)}"
    return _render(
        visit,
        "operator_workspaces.html",
        "workspaces",
        found=found[:_PAGE],
        part=part,
        next_page=next_page,
        values=typed,
        wrong=wrong,
    )


def _render_plan(
    visit: Visit,
    usage: WorkspaceUsage,
    typed: dict[str, str],
    chosen: set[Mode],
    wrong: Refused | None = None,
) -> Response:
    return _render(
        visit,
        "operator_workspace.html",
        "workspaces",
        usage=usage,
        values=typed,
        chosen=chosen,
        modes=_MODES,
        wrong=wrong,
    )


def _render_library(visit: Visit, typed: dict[str, str], wrong: Refused | None = None) -> Response:
    place = visit.place
    return _render(
        visit,
        "operator_library.html",
        "library",
        versions=machine.list_versions(place.store, place.machine, visit.caller),
        values=typed,
        wrong=wrong,
    )


def _render(visit: Visit, template: str, tab: str, **values: Any) -> Response:
    wrong: Refused | None = values.setdefault("wrong", None)
    status = status_of(wrong) if wrong else HTTPStatus.OK
    return render_page(visit, template, status=status, area="operator", tab=tab, **values)


def _find_usage(visit: Visit) -> WorkspaceUsage:
    """The workspace that the address names; raises Forbidden, NotFound."""
    require_operator(visit.caller)
    store, workspace_id = visit.place.store, visit.path["workspace_id"]
    workspace = show_workspace(store, visit.caller, workspace_id)
    (usage,) = machine.list_usage(store, visit.caller, part=workspace.id, limit=1)
    return usage


def _parse_number(text: str) -> int | None:
    """A whole number as typed; None for nothing. Raises Refused."""
    text = text.strip()
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > len("1000000"):
        raise Refused(
            "max-domains-out-of-range",
            "Write a whole number up to 1000000, or nothing for no limit.",
            field="max_domains",
        )
    return int(text)
