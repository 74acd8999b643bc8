"""What a source needs of its site's Content Security Policy, and what a given one lacks."""

from http import HTTPStatus

from starlette.responses import Response

from firstparty.console.failures import status_of
from firstparty.console.pages import render_page
from firstparty.console.source_pages import source_values
from firstparty.console.visits import Visit
from firstparty.control.csp import SitePolicies, check_source_policy
from firstparty.errors import Conflict, Refused


def show_policy(visit: Visit) -> Response:
    """All that the source needs, and an empty form."""
    return _render(visit, SitePolicies(), is_given=False)


def check_policy(visit: Visit) -> Response:
    """The policy that was pasted, against what the source needs. Nothing is kept."""
    form = visit.form
    site = SitePolicies(
        header=form.text("header"),
        report_only=form.text("report_only"),
        meta=form.text("meta"),
        page=form.text("page") or SitePolicies().page,
        has_nonce=form.text("has_nonce") == "yes",
    )
    return _render(visit, site, is_given=True)


def _render(visit: Visit, site: SitePolicies, *, is_given: bool) -> Response:
    values = source_values(visit, tab="policy")
    check, wrong = None, None
    try:
        check = check_source_policy(values["view"], site)
    except Conflict:
        pass  # no domain yet: the page says so
    except Refused as refused:
        wrong = refused
    return render_page(
        visit,
        "source_policy.html",
        status=status_of(wrong) if wrong else HTTPStatus.OK,
        **values,
        values=visit.form.typed() or {"page": site.page},
        check=check,
        is_given=is_given and any((site.header, site.report_only, site.meta)),
        wrong=wrong,
    )
