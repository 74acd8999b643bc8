"""The console's cookies: names and attributes.

Over HTTPS the names begin with ``__Host-`` (RFC 6265bis §4.1.3.2), so that no other host and no
plain-HTTP page can set them. On a laptop, plain HTTP on loopback, that prefix is not possible.
"""

from datetime import timedelta
from typing import Final

from starlette.responses import Response

SESSION: Final = "firstparty-session"
FORM: Final = "firstparty-form"  # protects the sign-in form, before there is a session
ONCE: Final = "firstparty-once"  # sealed: what the next page shows, and none after it
FLASH: Final = "firstparty-flash"  # the name of one message to show on the next page


def cookie_name(name: str, *, is_https: bool) -> str:
    """The name as the browser keeps it."""
    return f"__Host-{name}" if is_https else name


def set_cookie(
    response: Response,
    name: str,
    value: str,
    *,
    is_https: bool,
    lifetime: timedelta | None = None,
) -> None:
    """Give the browser a cookie that scripts cannot read. No lifetime: until it is closed."""
    response.set_cookie(
        cookie_name(name, is_https=is_https),
        value,
        max_age=None if lifetime is None else int(lifetime.total_seconds()),
        path="/",
        secure=is_https,
        httponly=True,
        samesite="lax",
    )


def delete_cookie(response: Response, name: str, *, is_https: bool) -> None:
    """Have the browser forget a cookie."""
    response.delete_cookie(
        cookie_name(name, is_https=is_https),
        path="/",
        secure=is_https,
        httponly=True,
        samesite="lax",
    )
