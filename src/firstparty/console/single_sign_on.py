"""Signing in by OpenID Connect: to the provider, and back."""

from http import HTTPStatus

from starlette.responses import RedirectResponse, Response

from firstparty.console.cookies import FORM, delete_cookie
from firstparty.console.pages import redirect, render_page
from firstparty.console.sign_in import open_session
from firstparty.console.visits import Visit
from firstparty.control import single_sign_on
from firstparty.errors import NotFound, Refused

_BACK = "/sign-in/oidc/back"


def begin(visit: Visit) -> Response:
    """Send the browser to the provider."""
    _require(visit)
    attempt = single_sign_on.build_attempt(visit.csrf)
    try:
        address = single_sign_on.begin_sign_in(
            visit.place.oidc, attempt, redirect_uri=visit.base_url + _BACK
        )
    except Refused as refused:
        return _render(visit, refused)
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)


def finish(visit: Visit) -> Response:
    """Take the provider's word, and sign in; or say why not."""
    _require(visit)
    try:
        secret = single_sign_on.finish_sign_in(
            visit.place.store,
            visit.place.oidc,
            single_sign_on.build_attempt(visit.csrf),
            state=visit.query.get("state", ""),
            code=visit.query.get("code", ""),
            redirect_uri=visit.base_url + _BACK,
            now=visit.now,
        )
    except Refused as refused:
        return _render(visit, refused)
    response = open_session(visit, redirect(visit, "/"), secret)
    delete_cookie(response, FORM, is_https=visit.is_https)
    return response


def _require(visit: Visit) -> None:
    if not visit.place.oidc.issuer or visit.signed_in is not None:
        raise NotFound("page", "/sign-in/oidc")


def _render(visit: Visit, refused: Refused) -> Response:
    wrong = {"sentence": refused.sentence, "field": ""}
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return render_page(
        visit, "sign_in.html", status=status, values={}, wrong=wrong, oidc=visit.place.oidc
    )
