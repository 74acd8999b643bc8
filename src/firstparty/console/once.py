"""What is shown once, on the page that comes after its form: a token, a secret, a link.

A form's answer is a redirect, so that reloading the page sends no form again. Until that page is
shown, the secret waits in the browser that asked for it, sealed, for that session and page alone.
"""

import base64
import binascii
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import msgspec
from starlette.responses import Response

from firstparty.console.cookies import ONCE, set_cookie
from firstparty.console.pages import redirect
from firstparty.console.visits import Visit
from firstparty.store.sealing import SealBroken

_WAITS: Final = timedelta(minutes=5)
_FACTS: Final = msgspec.json.Decoder(dict[str, str])


def redirect_once(visit: Visit, path: str, *, subject: str, facts: Mapping[str, str]) -> Response:
    """Go on to the page that takes ``facts`` by this ``subject``."""
    sealed = visit.place.sealer.seal(msgspec.json.encode(facts), context=_context(visit, subject))
    response = redirect(visit, path)
    text = base64.urlsafe_b64encode(sealed).decode()
    set_cookie(response, ONCE, text, is_https=visit.is_https, lifetime=_WAITS)
    return response


def take_once(visit: Visit, subject: str) -> dict[str, str] | None:
    """The facts that wait for this page; given to ``render_page`` as ``once``, they are gone."""
    if not visit.once:
        return None
    try:
        sealed = base64.urlsafe_b64decode(visit.once)
        return _FACTS.decode(visit.place.sealer.open(sealed, context=_context(visit, subject)))
    except (SealBroken, binascii.Error, ValueError):
        return None  # of another page, another session, or nobody's


def _context(visit: Visit, subject: str) -> str:
    return f"once:{visit.csrf}:{subject}"
