"""Signing in by OpenID Connect: authorization code, PKCE, and an ID token that is checked whole.

Whoever the provider vouches for (a verified e-mail address) is the person with that address, or
takes the invitations that wait for it. Nobody gets an account just for having one there.
"""

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from firstparty.config.settings import OidcSettings
from firstparty.control.access import open_session_of
from firstparty.control.invitations import accept_for
from firstparty.errors import Refused
from firstparty.outbound.oidc import exchange_code, fetch_keys, fetch_provider
from firstparty.store import people
from firstparty.store.engine import Store

_ALGORITHMS: Final = ("RS256", "ES256", "PS256", "EdDSA")  # never "none", never a shared secret
_LEEWAY_SECONDS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What ties a browser to its sign-in; it follows from a secret cookie of that browser."""

    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)

    @property
    def challenge(self) -> str:
        """S256 of the verifier (RFC 7636 §4.2)."""
        return _base64url(hashlib.sha256(self.verifier.encode()).digest())


def build_attempt(browser_secret: str) -> Attempt:
    """The attempt of the browser with this secret."""

    def derive(what: str) -> str:
        return _base64url(hashlib.sha256(f"{what}\0{browser_secret}".encode()).digest())

    return Attempt(state=derive("state"), nonce=derive("nonce"), verifier=derive("verifier"))


def begin_sign_in(oidc: OidcSettings, attempt: Attempt, *, redirect_uri: str) -> str:
    """Where to send the browser; raises Refused while the provider does not answer."""
    provider = fetch_provider(oidc.issuer)
    query = {
        "response_type": "code",
        "client_id": oidc.client_id,
        "redirect_uri": redirect_uri,
        "scope": "openid email",
        "state": attempt.state,
        "nonce": attempt.nonce,
        "code_challenge": attempt.challenge,
        "code_challenge_method": "S256",
    }
    joint = "&" if "?" in provider.authorization_endpoint else "?"
    return f"{provider.authorization_endpoint}{joint}{urlencode(query)}"


def finish_sign_in(
    store: Store,
    oidc: OidcSettings,
    attempt: Attempt,
    *,
    state: str,
    code: str,
    redirect_uri: str,
    now: datetime,
) -> str:
    """The secret of a new session; raises Refused with why there is none."""
    if not code or state != attempt.state:
        raise Refused(
            "sign-in-interrupted", "This sign-in was not begun in this browser: begin it again."
        )
    provider = fetch_provider(oidc.issuer)
    token = exchange_code(
        provider,
        code=code,
        verifier=attempt.verifier,
        redirect_uri=redirect_uri,
        client_id=oidc.client_id,
        client_secret=oidc.client_secret,
    )
    email = read_email(token, fetch_keys(provider), oidc=oidc, nonce=attempt.nonce)
    accept_for(store, email=email, now=now)
    with store.read() as connection:
        person = people.find_person(connection, email)
    if person is None:
        raise Refused(
            "not-invited",
            f"Nobody here has the address {email}: ask for an invitation to it, then sign in.",
        )
    return open_session_of(store, person, now=now)


def read_email(token: str, keys: dict[str, Any], *, oidc: OidcSettings, nonce: str) -> str:
    """The verified e-mail address of an ID token, in lower case (OpenID Connect Core §3.1.3.7).

    Raises Refused for a token that is not from this provider, for us, for this attempt, and now.
    """
    import jwt  # noqa: PLC0415 - for few

    try:
        key = jwt.PyJWKSet.from_dict(keys)[jwt.get_unverified_header(token)["kid"]]
        claims = jwt.decode(
            token,
            key,
            algorithms=list(_ALGORITHMS),
            audience=oidc.client_id,
            issuer=oidc.issuer,
            leeway=_LEEWAY_SECONDS,
            options={"require": ["exp", "iat", "aud", "iss", "sub"]},
        )
    except (jwt.PyJWTError, KeyError) as error:
        raise Refused(
            "token-refused", f"The sign-in provider's answer is not to be trusted: {error}."
        ) from error
    if claims.get("nonce") != nonce:
        raise Refused("token-refused", "The sign-in provider's answer is for another sign-in.")
    email = claims.get("email")
    if not isinstance(email, str) or claims.get("email_verified") is not True:
        raise Refused(
            "email-unverified",
            "The sign-in provider does not vouch for an e-mail address of yours.",
        )
    return email.strip().lower()


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
