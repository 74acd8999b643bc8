"""An OpenID Provider over HTTP: its metadata, its keys, and a code for tokens.

The operator names the provider in the settings, so it may be inside: no address is refused.
"""

import base64
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlsplit

from firstparty.errors import Refused

_SECONDS: Final = 10.0
_DISCOVERY: Final = "/.well-known/openid-configuration"
_PLAIN_HOSTS: Final = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """What OpenID Connect Discovery 1.0 §3 says of a provider."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


def fetch_provider(issuer: str) -> Provider:
    """The provider's metadata; raises Refused for one that does not answer as it must."""
    found = _get(f"{issuer.rstrip('/')}{_DISCOVERY}")
    try:
        provider = Provider(
            issuer=found["issuer"],
            authorization_endpoint=found["authorization_endpoint"],
            token_endpoint=found["token_endpoint"],
            jwks_uri=found["jwks_uri"],
        )
    except KeyError as error:
        raise _refuse(f"its metadata has no {error}") from error
    if provider.issuer != issuer:  # Discovery §4.3
        raise _refuse("its metadata names another issuer")
    for address in (provider.token_endpoint, provider.jwks_uri):
        url = urlsplit(address)
        if url.scheme != "https" and url.hostname not in _PLAIN_HOSTS:
            raise _refuse("it is not asked over https")
    return provider


def fetch_keys(provider: Provider) -> dict[str, Any]:
    """The provider's key set (RFC 7517); raises Refused."""
    return _get(provider.jwks_uri)


def exchange_code(
    provider: Provider,
    *,
    code: str,
    verifier: str,
    redirect_uri: str,
    client_id: str,
    client_secret: str,
) -> str:
    """The ID token for a code (RFC 6749 §4.1.3, RFC 7636 §4.5); raises Refused."""
    import httpx  # noqa: PLC0415 - half a second, for few

    basic = f"{quote(client_id, safe='')}:{quote(client_secret, safe='')}"  # RFC 6749 §2.3.1
    try:
        answer = httpx.post(
            provider.token_endpoint,
            data={
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": redirect_uri,
                "code_verifier": verifier,
            },
            headers={"Authorization": f"Basic {base64.b64encode(basic.encode()).decode()}"},
            timeout=_SECONDS,
        )
        token = answer.json().get("id_token") if answer.is_success else None
    except (httpx.HTTPError, ValueError, AttributeError) as error:
        raise _refuse("it does not answer") from error
    if not isinstance(token, str):
        raise _refuse("it gives no ID token for the code")
    return token


def _get(url: str) -> dict[str, Any]:
    import httpx  # noqa: PLC0415 - half a second, for few

    try:
        answer = httpx.get(url, timeout=_SECONDS)
        found = answer.json() if answer.is_success else None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise _refuse("it does not answer") from error
    if not isinstance(found, dict):
        raise _refuse("it does not answer as an OpenID Provider")
    return found


def _refuse(why: str) -> Refused:
    return Refused(
        "provider-unusable",
        f"The sign-in provider cannot be used: {why}. Try again, or tell the operator.",
    )
