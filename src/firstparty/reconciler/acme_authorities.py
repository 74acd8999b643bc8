"""The authorities of the settings that speak ACME; accounts are rows, their keys sealed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy.exc import IntegrityError

from firstparty.certs.account import Account, ExternalAccount
from firstparty.certs.acme import AcmeAuthority, AcmeServer
from firstparty.certs.limits import earliest, read_limits
from firstparty.config.addresses import ConfigError
from firstparty.config.rates import Rate
from firstparty.config.settings import Settings
from firstparty.model.authorities import Counter, Use
from firstparty.reconciler.choice import Choice, staging_of
from firstparty.store import uses
from firstparty.store.certificates import (
    AccountRow,
    add_account,
    load_account,
    save_account_url,
)
from firstparty.store.engine import Store
from firstparty.store.sealing import Sealer


def build_choice(name: str, settings: Settings, store: Store, sealer: Sealer) -> Choice:
    """An authority that orders go to, with its limits and its staging."""
    return Choice(
        authority=build_acme(name, settings, store, sealer),
        limits=read_limits(settings.certificates.authorities[name].limits),
        staging=_build_staging(name, settings, store, sealer),
    )


def build_acme(name: str, settings: Settings, store: Store, sealer: Sealer) -> AcmeAuthority:
    """An authority of the settings; ``sealer`` is control's."""
    chosen = settings.certificates.authorities[name]
    external = None
    if chosen.eab_kid:
        key = read_secret(Path(chosen.eab_hmac_file), key=f"authorities.{name}.eab_hmac_file")
        external = ExternalAccount(kid=chosen.eab_kid, hmac_key=key)
    server = AcmeServer(
        directory=chosen.directory,
        email=chosen.email,
        ca_bundle=chosen.ca_bundle,
        profile=chosen.profile,
        external=external,
    )
    accounts = read_limits(chosen.limits).get(Use.ACCOUNTS)
    return AcmeAuthority(name, server, StoredAccount(store, sealer, name, limit=accounts))


def _build_staging(
    name: str, settings: Settings, store: Store, sealer: Sealer
) -> AcmeAuthority | None:
    chosen = settings.certificates.authorities[name]
    if not chosen.staging:
        return None
    server = AcmeServer(
        directory=chosen.staging,
        email=chosen.email,
        ca_bundle=chosen.ca_bundle,
        profile=chosen.profile,
    )
    staging = staging_of(name)
    return AcmeAuthority(staging, server, StoredAccount(store, sealer, staging))


def read_secret(file: Path, *, key: str) -> str:
    """What the operator put into a file of secrets; raises ConfigError that names the setting."""
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"certificates.{key}: {file} cannot be read: {error}") from error


class StoredAccount:
    """An AccountKeeper over the store. Called from worker threads."""

    def __init__(
        self, store: Store, sealer: Sealer, authority: str, *, limit: Rate | None = None
    ) -> None:
        """``limit`` is the CA's on new accounts."""
        self._store = store
        self._sealer = sealer
        self._authority = authority
        self._limit = limit
        self._context = f"account:{authority}"

    def load(self) -> Account | None:
        """See AccountKeeper."""
        with self._store.read() as connection:
            row = load_account(connection, self._authority)
        if row is None:
            return None
        return Account(
            key_pem=self._sealer.open(row.sealed_key, context=self._context), url=row.url
        )

    def add(self, key_pem: bytes) -> Account:
        """See AccountKeeper: of several that start at once, the first one's key is everybody's."""
        row = AccountRow(
            authority=self._authority,
            url="",
            sealed_key=self._sealer.seal(key_pem, context=self._context),
            created_at=datetime.now(UTC),
        )
        try:
            with self._store.write() as connection:
                add_account(connection, row)
        except IntegrityError:
            pass
        stored = self.load()
        assert stored is not None
        return stored

    def wait(self) -> timedelta:
        """See AccountKeeper."""
        if self._limit is None:
            return timedelta()
        now, counter = datetime.now(UTC), Counter(use=Use.ACCOUNTS)
        with self._store.write() as connection:
            since = now - self._limit.window
            times = uses.load_times(connection, self._authority, counter, since=since)
            at = earliest(times, self._limit, now)
            if at <= now:
                uses.prune_uses(connection, self._authority, counter.use, before=since)
                uses.add_uses(connection, self._authority, [counter], at=now, order_id="")
        return at - now

    def save_url(self, url: str) -> None:
        """See AccountKeeper."""
        with self._store.write() as connection:
            save_account_url(connection, self._authority, url)
