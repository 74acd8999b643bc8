"""The ACME account: one for each authority, its key stored before the CA first sees it.

A crash between storing the key and learning the account's URL costs nothing: asking for a new
account with a known key answers the URL of the one there is (RFC 8555 §7.3).
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Protocol

import josepy
from acme import client, errors, messages
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from josepy.jwa import ES256, ES384, RS256, JWASignature
from josepy.jwk import JWK, JWKEC, JWKRSA

from firstparty.certs.keys import load_private_key, new_private_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account's private key, PEM, and its URL at the CA: empty until the CA has told it."""

    key_pem: bytes
    url: str = ""

    @property
    def key(self) -> JWK:
        """The private key, for signing requests and for key authorizations."""
        key = load_private_key(self.key_pem)
        return JWKRSA(key=key) if isinstance(key, RSAPrivateKey) else JWKEC(key=key)

    @property
    def algorithm(self) -> JWASignature:
        """What it signs with (RFC 7518 §3.1). Accounts of ours have ES256 keys."""
        key = load_private_key(self.key_pem)
        if isinstance(key, RSAPrivateKey):
            return RS256
        return ES384 if key.curve.key_size == _P384 else ES256


class AccountKeeper(Protocol):
    """Where the account of one authority is kept. Called from worker threads."""

    def load(self) -> Account | None:
        """The account, if its key has been stored."""

    def add(self, key_pem: bytes) -> Account:
        """Store a new key, sealed and durably, before returning; MUST keep one that is there."""

    def wait(self) -> timedelta:
        """How long the CA's limit on new accounts makes us wait; zero: not, and one is counted."""

    def save_url(self, url: str) -> None:
        """Store the URL the CA gave the account; empty: the CA does not know it any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalAccount:
    """What a CA gave the operator to bind the account to (RFC 8555 §7.3.4).

    ``hmac_key`` is base64url, as CAs hand it out.
    """

    kid: str
    hmac_key: str


class AccountRefused(errors.Error):
    """No account can be had; the message says what to do. ``wait``: or when to try again."""

    def __init__(self, message: str, *, wait: timedelta | None = None) -> None:
        super().__init__(message)
        self.wait = wait


_P384: Final = 384


def load_or_add_account(keeper: AccountKeeper) -> Account:
    """The account with its key stored, whether the CA knows it yet or not."""
    return keeper.load() or keeper.add(new_private_key())


def register(
    acme: client.ClientV2,
    keeper: AccountKeeper,
    account: Account,
    email: str,
    external: ExternalAccount | None,
) -> str:
    """The URL of the account at the CA, made there if need be.

    Raises AccountRefused, and what the library raises.

    The operator agreed to the CA's terms by choosing it in the settings.
    """
    if not account.url:
        binding = _bind(acme, account, external)
        wait = keeper.wait()
        if wait:
            raise AccountRefused("The CA limits new accounts.", wait=wait)
        wanted = messages.NewRegistration.from_data(
            email=email or None,
            external_account_binding=binding,
            terms_of_service_agreed=True,
        )
        try:
            url = str(acme.new_account(wanted).uri)
        except errors.ConflictError as error:  # it knows the key: the account is there already
            url = error.location
        keeper.save_url(url)
        return url
    return account.url


def _bind(
    acme: client.ClientV2, account: Account, external: ExternalAccount | None
) -> dict[str, Any] | None:
    if external is None:
        if acme.external_account_required():
            raise AccountRefused(
                "The CA wants an account of its own bound to ours: set eab_kid and eab_hmac_file."
            )
        return None
    try:
        return messages.ExternalAccountBinding.from_data(
            account.key.public_key(), external.kid, external.hmac_key, acme.directory
        )
    except (ValueError, josepy.errors.Error) as error:
        raise AccountRefused(
            "The file of eab_hmac_file is not a key in base64url, as CAs hand it out."
        ) from error
