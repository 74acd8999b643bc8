"""One ACME session: certbot's client with what it lacks, used by one thread at a time.

It retries a refused nonce as often as need be, with the one that the refusal brings, takes a file
of roots to trust, and remembers the last status and Retry-After, which the library's errors do not
carry.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, cast

import josepy
import requests
from acme import client, errors, messages

from firstparty import __version__
from firstparty.certs.account import Account
from firstparty.certs.bounded import BoundedAdapter

_TIMEOUT_SECONDS: Final = 10
_MAX_NONCE_TRIES: Final = 20  # with half of all nonces refused, one call in a million fails
_MAX_RETRY_AFTER: Final = timedelta(days=1)


class Network(client.ClientNetwork):
    """Signed requests, as the library does them, with nonces retried and headers remembered."""

    def __init__(self, account: Account, *, ca_bundle: str, patience: timedelta) -> None:
        super().__init__(
            account.key,
            alg=account.algorithm,
            verify_ssl=cast("bool", ca_bundle or True),  # requests takes a path here too
            user_agent=f"firstparty/{__version__}",
            timeout=_TIMEOUT_SECONDS,
        )
        self.session.mount("https://", BoundedAdapter(patience))
        self.session.headers["Accept-Encoding"] = "identity"
        self.last_status = 0
        self.last_retry_after: timedelta | None = None

    def take_proxies_for(self, url: str) -> None:
        """Go by the proxy that the environment names for this URL, and look there no more.

        The library would read the whole environment, and ``.netrc``, for every request.
        """
        self.session.proxies.update(requests.utils.get_environ_proxies(url))
        self.session.trust_env = False

    def post(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Like the library's, with more tries: RFC 8555 §6.5 asks to retry with a new nonce."""
        for _ in range(_MAX_NONCE_TRIES):
            try:
                return self._post_once(*args, **kwargs)
            except messages.Error as error:
                if error.code != "badNonce":
                    raise
        return self._post_once(*args, **kwargs)

    def _send_request(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response:
        self.last_status, self.last_retry_after = 0, None
        response = super()._send_request(method, url, *args, **kwargs)
        self.last_status = response.status_code
        self.last_retry_after = parse_retry_after(
            response.headers.get("Retry-After"), now=datetime.now(UTC)
        )
        if not response.ok and self.REPLAY_NONCE_HEADER in response.headers:
            # RFC 8555 §6.5: a refusal brings one too. The library drops it, and asks for another.
            self._add_nonce(response)
        return response


class NewOrder(messages.NewOrder):
    """A new order, with what RFC 9773 §5 adds to it."""

    replaces: str | None = josepy.json_util.field("replaces", omitempty=True)


def parse_retry_after(text: str | None, *, now: datetime) -> timedelta | None:
    """A Retry-After (RFC 9110 §10.2.3), seconds or date, as a span of at most a day."""
    if not text:
        return None
    if text.isascii() and text.isdigit():
        wait = timedelta(seconds=min(int(text), _MAX_RETRY_AFTER.total_seconds()))
    else:
        try:
            at = parsedate_to_datetime(text)
        except ValueError:
            return None
        wait = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
    return min(max(wait, timedelta()), _MAX_RETRY_AFTER)


class Session:
    """The CA's directory and a connection to it, signing as the account."""

    def __init__(
        self, directory_url: str, account: Account, *, ca_bundle: str, patience: timedelta
    ) -> None:
        """Fetches the directory; raises what the library raises."""
        self.account = account
        self.network = Network(account, ca_bundle=ca_bundle, patience=patience)
        self.network.take_proxies_for(directory_url)
        directory = client.ClientV2.get_directory(directory_url, self.network)
        self.acme = client.ClientV2(directory, self.network)

    def act_as(self, account_url: str) -> None:
        """Sign with the account's URL from now on (RFC 8555 §6.2)."""
        self.network.account = messages.RegistrationResource(
            body=messages.Registration(), uri=account_url
        )

    def fetch(self, url: str) -> requests.Response:
        """POST-as-GET (RFC 8555 §6.3)."""
        return self.network.post(url, None, new_nonce_url=self.acme.directory["newNonce"])

    @property
    def profiles(self) -> tuple[str, ...]:
        """The names of the profiles that the CA offers (draft-aaron-acme-profiles)."""
        return tuple(self.acme.directory["meta"].profiles or ())

    @property
    def renewal_info_url(self) -> str | None:
        """Where the CA says when to renew (RFC 9773), without a slash at its end; None: nowhere."""
        found = self.acme.directory.to_partial_json().get("renewalInfo")
        return found.rstrip("/") if isinstance(found, str) and found else None

    def order(
        self, names: Sequence[str], *, profile: str, replaces: str
    ) -> tuple[str, messages.Order]:
        """A new order, or an earlier one reused: its URL, and what it is."""
        identifiers = [
            messages.Identifier(typ=messages.IDENTIFIER_FQDN, value=name) for name in names
        ]
        wanted = NewOrder(
            identifiers=identifiers, profile=profile or None, replaces=replaces or None
        )
        directory = self.acme.directory
        try:
            answer = self.network.post(
                directory["newOrder"], wanted, new_nonce_url=directory["newNonce"]
            )
        except errors.ConflictError:
            if not replaces:
                raise
            # RFC 9773 §5: another order has replaced it already.
            return self.order(names, profile=profile, replaces="")
        return answer.headers["Location"], messages.Order.from_json(answer.json())

    def fetch_order(self, url: str) -> messages.Order:
        """The order as it is now."""
        order: messages.Order = messages.Order.from_json(self.fetch(url).json())
        return order

    def fetch_authorizations(self, order: messages.Order) -> list[messages.Authorization]:
        """The authorizations of an order as they are now."""
        return [
            messages.Authorization.from_json(self.fetch(url).json()) for url in order.authorizations
        ]

    def close(self) -> None:
        """Close the connection."""
        self.network.session.close()
