"""The page that an invitation's link leads to: choose a password, and be in."""

from http import HTTPStatus

from starlette.responses import Response

from firstparty.console.pages import redirect, render_page
from firstparty.console.sign_in import open_session
from firstparty.console.visits import Visit
from firstparty.control import access, invitations
from firstparty.errors import Refused, TooMany
from firstparty.model.workspaces import Invitation


def show_invitation(visit: Visit) -> Response:
    """The form, or that the invitation is over."""
    try:
        invitation = _find(visit)
    except Refused as refused:
        return _render(visit, None, refused, status=HTTPStatus.GONE)
    return _render(visit, invitation, None)


def accept_invitation(visit: Visit) -> Response:
    """Take the place and sign in; with a password that will not do, say why by the field."""
    form, store = visit.form, visit.place.store
    try:
        invitation = _find(visit)
    except Refused as refused:
        return _render(visit, None, refused, status=HTTPStatus.GONE)
    try:
        person = invitations.accept_invitation(
            store,
            secret=visit.path["secret"],
            email=form.text("email"),
            password=form.text("password"),
            address=visit.address,
            now=visit.now,
        )
    except Refused as refused:
        return _render(visit, invitation, refused, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    except TooMany as error:
        waits = Refused(error.code, error.sentence)
        return _render(visit, invitation, waits, status=HTTPStatus.TOO_MANY_REQUESTS)
    secret = access.sign_in(
        store,
        email=person.email,
        password=form.text("password"),
        address=visit.address,
        now=visit.now,
    )
    return open_session(visit, redirect(visit, "/"), secret)


def _find(visit: Visit) -> Invitation:
    return invitations.show_invitation(visit.place.store, visit.path["secret"], now=visit.now)


def _render(
    visit: Visit,
    invitation: Invitation | None,
    refused: Refused | None,
    *,
    status: int = HTTPStatus.OK,
) -> Response:
    wrong = refused and {"sentence": refused.sentence, "field": refused.field or ""}
    return render_page(
        visit,
        "invitation.html",
        status=status,
        invitation=invitation,
        values=visit.form.typed(),
        wrong=wrong,
    )
