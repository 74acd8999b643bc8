"""What a source needs of its site's Content Security Policy, and what a given one lacks."""

import asyncio
from http import HTTPStatus

from starlette.responses import Response

from firstparty.console.failures import status_of
from firstparty.console.looks import admitted
from firstparty.console.pages import render_page
from firstparty.console.source_pages import load_source, require_editor, source_values
from firstparty.console.visits import Visit
from firstparty.control.csp import PolicyCheck, SitePolicies, check_source_policy
from firstparty.control.csp_page import PageCheck, check_page_policy
from firstparty.errors import Conflict, Forbidden, NotFound, Refused


def show_policy(visit: Visit) -> Response:
    """All that the source needs, and the empty forms."""
    return _check(visit, SitePolicies(), is_given=False)


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
    return _check(visit, site, is_given=True)


def fetch_policy(visit: Visit) -> Response:
    """Fetch a page of the site, and check the policy that it really has."""
    view = load_source(visit)
    require_editor(visit, view.source)
    url = visit.form.text("url").strip()
    try:
        with admitted(visit):
            found = asyncio.run(check_page_policy(view, url, visit.place.open_client()))
    except (NotFound, Forbidden, Conflict):
        raise
    except Refused as refused:
        typed = {"url": url, "page": SitePolicies().page}
        return _render(visit, typed, wrong=Refused(refused.code, refused.sentence, field="url"))
    return _render(visit, _typed(found.site) | {"url": url}, check=found.check, found=found)


def _check(visit: Visit, site: SitePolicies, *, is_given: bool) -> Response:
    check, wrong = None, None
    try:
        check = check_source_policy(load_source(visit), site)
    except Conflict:
        pass  # no domain yet: the page says so
    except Refused as refused:
        wrong = refused
    has_policy = is_given and any((site.header, site.report_only, site.meta))
    typed = visit.form.typed() or {"page": site.page}
    return _render(visit, typed, check=check, is_given=has_policy, wrong=wrong)


def _typed(site: SitePolicies) -> dict[str, str]:
    return {
        "header": site.header,
        "report_only": site.report_only,
        "meta": site.meta,
        "page": site.page,
        "has_nonce": "yes" if site.has_nonce else "",
    }


def _render(
    visit: Visit,
    typed: dict[str, str],
    *,
    check: PolicyCheck | None = None,
    is_given: bool = False,
    found: PageCheck | None = None,
    wrong: Refused | None = None,
) -> Response:
    values = source_values(visit, tab="policy")
    return render_page(
        visit,
        "source_policy.html",
        status=status_of(wrong) if wrong else HTTPStatus.OK,
        **values,
        values=typed,
        check=check,
        found=found,
        is_given=is_given or found is not None,
        wrong=wrong,
    )
