"""A domain on its site: which cookies Safari keeps, and whose pages may send the visitor's own."""

import asyncio
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from firstparty.console.domain import load_domain
from firstparty.console.failures import status_of
from firstparty.console.looks import admitted
from firstparty.console.pages import redirect, render_page, workspace_values
from firstparty.console.visits import Visit
from firstparty.control.cookies import CookieReport, look_up_name, report_cookies
from firstparty.control.credential_origins import set_credential_origins
from firstparty.errors import Forbidden, NotFound, Refused
from firstparty.model.domains import Domain
from firstparty.model.names import registrable_domain


def show_site(visit: Visit) -> Response:
    """The report for the site named in the address, if one is; and the list of origins."""
    domain = load_domain(visit).domain
    site = visit.query.get("site", "").strip()
    report, wrong = None, None
    if site:
        try:
            with admitted(visit):
                report = asyncio.run(report_cookies(domain, site, look_up_name))
        except Refused as refused:
            wrong = refused
    typed = {"site": site or _guess_site(domain), "origins": _lines(domain.credential_origins)}
    return _render(visit, typed, wrong, report)


def save_origins(visit: Visit) -> Response:
    """Put the list in the place of the one before."""
    domain, typed = load_domain(visit).domain, visit.form.text("origins")
    try:
        set_credential_origins(
            visit.place.store,
            visit.caller,
            domain.id,
            origins=tuple(line.strip() for line in typed.splitlines() if line.strip()),
            rules=visit.place.rules,
            now=visit.now,
        )
    except (NotFound, Forbidden):
        raise
    except Refused as refused:
        return _render(visit, {"site": _guess_site(domain), "origins": typed}, refused, None)
    path = f"/workspaces/{domain.workspace_id}/domains/{domain.id}/site"
    return redirect(visit, path, flash="origins-changed")


def _guess_site(domain: Domain) -> str:
    return f"www.{registrable_domain(domain.name) or domain.name}"


def _lines(values: tuple[str, ...]) -> str:
    return "\n".join(values)


def _render(
    visit: Visit, typed: dict[str, Any], wrong: Refused | None, report: CookieReport | None
) -> Response:
    values = workspace_values(visit, area="domains")
    view = load_domain(visit)
    return render_page(
        visit,
        "domain_site.html",
        status=status_of(wrong) if wrong else HTTPStatus.OK,
        **values,
        view=view,
        here=f"{values['base']}/domains/{view.domain.id}",
        tab="site",
        site_of_domain=registrable_domain(view.domain.name) or view.domain.name,
        report=report,
        values=typed,
        wrong=wrong,
    )
