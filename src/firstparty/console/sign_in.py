"""Signing in and out."""

from datetime import timedelta
from http import HTTPStatus

from starlette.responses import Response

from firstparty.console.cookies import FORM, SESSION, delete_cookie, set_cookie
from firstparty.console.pages import redirect, render_page
from firstparty.console.visits import Visit
from firstparty.control import access
from firstparty.control.domains import list_domains
from firstparty.control.workspaces import list_workspaces
from firstparty.errors import Refused, TooMany


def show_sign_in(visit: Visit) -> Response:
    """The form; somebody who is signed in goes on."""
    if visit.signed_in is not None:
        return redirect(visit, "/")
    return render_page(
        visit,
        "sign_in.html",
        values={"next": visit.query.get("next", "")},
        oidc=visit.place.oidc,
    )


def sign_in(visit: Visit) -> Response:
    """Check the password and open a new session; one that the browser had before is ended."""
    store, form = visit.place.store, visit.form
    try:
        secret = access.sign_in(
            store,
            email=form.text("email"),
            password=form.text("password"),
            address=visit.address,
            now=visit.now,
        )
    except Refused as refused:
        return _render_again(visit, HTTPStatus.UNPROCESSABLE_ENTITY, refused.sentence)
    except TooMany as error:
        response = _render_again(visit, HTTPStatus.TOO_MANY_REQUESTS, error.sentence)
        response.headers["retry-after"] = str(error.retry_after // timedelta(seconds=1))
        return response
    return open_session(visit, redirect(visit, local_path(form.text("next"))), secret)


def open_session(visit: Visit, response: Response, secret: str) -> Response:
    """Have the browser keep a new session; the one that it had before is ended."""
    if visit.session_secret:
        access.sign_out(visit.place.store, visit.session_secret)
    set_cookie(response, SESSION, secret, is_https=visit.is_https, lifetime=access.SESSION_LIFETIME)
    delete_cookie(response, FORM, is_https=visit.is_https)
    return response


def sign_out(visit: Visit) -> Response:
    """End the session, here and in the store."""
    access.sign_out(visit.place.store, visit.session_secret)
    response = redirect(visit, "/sign-in", flash="signed-out")
    delete_cookie(response, SESSION, is_https=visit.is_https)
    return response


def show_start(visit: Visit) -> Response:
    """Go on to the domains of the first workspace that the person sees, or to its first steps."""
    place = visit.place
    match list_workspaces(place.store, visit.caller, limit=1):
        case [first]:
            some = list_domains(
                place.store, visit.caller, workspace_id=first.id, rules=place.rules, limit=1
            )
            return redirect(visit, f"/workspaces/{first.id}/{'domains' if some else 'start'}")
        case _:
            return render_page(visit, "no_workspace.html")


def _render_again(visit: Visit, status: int, sentence: str) -> Response:
    wrong = {"sentence": sentence, "field": ""}  # of neither field: they are wrong together
    return render_page(
        visit,
        "sign_in.html",
        status=status,
        values=visit.form.typed(),
        wrong=wrong,
        oidc=visit.place.oidc,
    )


def local_path(text: str) -> str:
    """A path of this console, or ``/`` for anything that could lead elsewhere."""
    is_local = text.startswith("/") and not text.startswith(("//", "/\\"))
    return text if is_local and text.isprintable() and "\\" not in text else "/"
