"""Between HTTP and the pages: who is signed in, whether a form is ours, and what went wrong.

Pages are plain functions from a Visit to a Response; they run in a thread, since the store blocks.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from firstparty.console.cookies import FLASH, FORM, ONCE, SESSION, cookie_name, set_cookie
from firstparty.console.failures import NOT_OUR_FORM, render_failure, render_status
from firstparty.console.forms import read_form
from firstparty.console.pages import redirect
from firstparty.console.visits import Form, Place, Visit
from firstparty.control import access
from firstparty.errors import FirstpartyError
from firstparty.telemetry import Log

Page = Callable[[Visit], Response]
Endpoint = Callable[[Request], Awaitable[Response]]

_OWN_SITES: Final = ("same-origin", "none")  # "none": typed into the address bar
_LOG: Final = Log("console")


def build_endpoint(place: Place, page: Page, *, is_open: bool = False) -> Endpoint:
    """An HTTP endpoint for a page; ``is_open``: also for people who are not signed in."""

    async def answer(request: Request) -> Response:
        form = await read_form(request) if request.method == "POST" else Form()
        return await asyncio.to_thread(_answer, place, page, request, form, is_open=is_open)

    return answer


async def answer_http_error(place: Place, request: Request, error: HTTPException) -> Response:
    """The page for an address or a method that no page has, or a body that none takes."""
    visit = _bare_visit(place, request, Form())
    response = render_status(visit, error.status_code)
    response.headers.update(error.headers or {})
    return response


def _answer(place: Place, page: Page, request: Request, form: Form, *, is_open: bool) -> Response:
    visit = _bare_visit(place, request, form)
    try:
        visit = _with_session(visit)
        if not is_open and visit.signed_in is None:
            return _ask_to_sign_in(visit, request)
        if request.method == "POST" and not _is_our_form(visit, request):
            return render_status(visit, HTTPStatus.FORBIDDEN, sentence=NOT_OUR_FORM)
        response = page(visit)
    except FirstpartyError as error:
        response = render_failure(visit, error)
    except OperationalError as error:
        _LOG.error("console.store_unreachable", route=page.__name__, error=error)
        response = render_status(visit, HTTPStatus.SERVICE_UNAVAILABLE)
    except Exception:  # noqa: BLE001 - the rim: a bug is logged here and shown as one sentence
        _LOG.exception("console.failed", method=request.method, route=page.__name__)
        response = render_status(visit, HTTPStatus.INTERNAL_SERVER_ERROR)
    if visit.signed_in is None and _form_cookie(request) != visit.csrf:
        set_cookie(response, FORM, visit.csrf, is_https=visit.is_https)
    return response


def _bare_visit(place: Place, request: Request, form: Form) -> Visit:
    is_https = request.url.scheme == "https"
    return Visit(
        place=place,
        now=place.clock(),
        csrf=_form_cookie(request) or secrets.token_urlsafe(24),
        address=request.client.host if request.client else "",
        is_https=is_https,
        base_url=str(request.base_url).rstrip("/"),
        session_secret=_cookie(request, SESSION),
        flash=_cookie(request, FLASH),
        once=_cookie(request, ONCE),
        path=_texts(request.path_params),
        query=request.query_params,
        form=form,
    )


def _with_session(visit: Visit) -> Visit:
    if not visit.session_secret:
        return visit
    found = access.find_session(visit.place.store, visit.session_secret, now=visit.now)
    return visit if found is None else replace(visit, signed_in=found, csrf=found.csrf)


def _ask_to_sign_in(visit: Visit, request: Request) -> Response:
    if request.headers.get("hx-request"):
        # htmx follows this header itself; a redirect would put the sign-in page into the fragment.
        return Response(status_code=HTTPStatus.UNAUTHORIZED, headers={"hx-redirect": "/sign-in"})
    wanted = request.url.path if request.method == "GET" else "/"
    return redirect(visit, "/sign-in" if wanted == "/" else f"/sign-in?next={quote(wanted)}")


def _is_our_form(visit: Visit, request: Request) -> bool:
    """A form of ours carries the secret of its session, and comes from a page of ours.

    Before there is a session, the secret is a cookie of its own (double submit). Browsers that
    say where a request comes from (Fetch Metadata) must say: from here.
    """
    is_from_here = request.headers.get("sec-fetch-site", "same-origin") in _OWN_SITES
    expected = visit.csrf if visit.signed_in else _form_cookie(request)
    sent = visit.form.text("csrf")
    is_same = secrets.compare_digest(sent.encode(), expected.encode())
    return is_from_here and bool(expected) and is_same


def _form_cookie(request: Request) -> str:
    return _cookie(request, FORM)


def _cookie(request: Request, name: str) -> str:
    return request.cookies.get(cookie_name(name, is_https=request.url.scheme == "https"), "")


def _texts(values: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items()}
