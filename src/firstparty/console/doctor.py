"""The doctor's pages: everything of a domain, or of a site's page, looked at at once.

Each result is written into the page as soon as it is known; nothing of it needs JavaScript.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from datetime import timedelta
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from starlette.responses import Response

from firstparty.console.domain import load_domain
from firstparty.console.failures import status_of
from firstparty.console.pages import render_page, render_text, stream_page, workspace_values
from firstparty.console.visits import Visit
from firstparty.control.callers import require_role
from firstparty.doctor.checks import Check, Doctor, Result, Verdict, summarise
from firstparty.doctor.examine import examine
from firstparty.errors import Forbidden, NotFound, Refused, Unavailable
from firstparty.model.workspaces import Role

MAX_EXAMINATIONS: Final = 8  # at a time, all people together
_TONES: Final = MappingProxyType(
    {
        Verdict.PASS: "good",
        Verdict.WARN: "wait",
        Verdict.FAIL: "bad",
        Verdict.UNKNOWN: "idle",
    }
)


def show_domain_checks(visit: Visit) -> Response:
    """What will be looked at, and a button."""
    return _render_domain(visit, is_running=False)


def examine_domain(visit: Visit) -> Response:
    """Look at everything of a domain."""
    domain = load_domain(visit).domain
    with_message = visit.form.text("message") == "yes"
    if with_message:
        require_role(
            visit.caller, domain.workspace_id, Role.EDITOR, kind="domain", identifier=domain.id
        )
    checks = _find_doctor(visit).list_domain_checks(domain.id, with_message=with_message)
    return _run(visit, _render_domain(visit, is_running=True), checks)


def show_address_checks(visit: Visit) -> Response:
    """The form for the address of a page."""
    return _render_address(visit, None, is_running=False)


def examine_address(visit: Visit) -> Response:
    """Look at a page of a site, or at a custom proxy."""
    workspace_id = visit.path["workspace_id"]
    require_role(visit.caller, workspace_id, Role.EDITOR, kind="workspace", identifier=workspace_id)
    try:
        checks = _find_doctor(visit).list_address_checks(
            visit.form.text("url").strip(),
            workspace_id=workspace_id,
            with_browser=visit.form.text("browser") == "yes",
        )
    except (NotFound, Forbidden):
        raise
    except Refused as refused:
        return _render_address(visit, refused, is_running=False)
    return _run(visit, _render_address(visit, None, is_running=True), checks)


def _run(visit: Visit, page: Response, checks: Sequence[Check]) -> Response:
    return stream_page(page, _examine(visit, checks))


async def _examine(visit: Visit, checks: Sequence[Check]) -> AsyncIterator[str]:
    results: list[Result] = []
    async with visit.place.examinations, aclosing(examine(checks)) as found:
        async for result in found:
            results.append(result)
            tone = _TONES[result.found.verdict]
            yield render_text("doctor_result.html", result=result, tone=tone)
    yield render_text("doctor_verdict.html", verdict=summarise(results), results=results)


def _find_doctor(visit: Visit) -> Doctor:
    if visit.place.doctor is None:
        raise Unavailable("The doctor is not in this process.", retry_after=timedelta(minutes=1))
    return visit.place.doctor


def _render_domain(visit: Visit, *, is_running: bool) -> Response:
    values = workspace_values(visit, area="domains")
    view = load_domain(visit)
    return render_page(
        visit,
        "doctor_domain.html",
        **values,
        view=view,
        here=f"{values['base']}/domains/{view.domain.id}",
        is_running=is_running,
    )


def _render_address(visit: Visit, wrong: Refused | None, *, is_running: bool) -> Response:
    values = workspace_values(visit, area="proxies", at_top=True)
    workspace_id = visit.path["workspace_id"]
    require_role(visit.caller, workspace_id, Role.EDITOR, kind="workspace", identifier=workspace_id)
    return render_page(
        visit,
        "doctor_address.html",
        status=status_of(wrong) if wrong else HTTPStatus.OK,
        **values,
        values=visit.form.typed(),
        tab="page",
        is_running=is_running,
        # There is one field, whatever the doctor's parser calls it.
        wrong=wrong and {"sentence": wrong.sentence, "field": "url"},
    )
