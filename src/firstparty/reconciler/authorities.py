"""The certificate authorities of the settings, with what they keep: sealed with control's key.

The local CA's root is one sealed file in the state directory; an ACME account is a row.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy.exc import IntegrityError

from firstparty.certs.account import Account, ExternalAccount
from firstparty.certs.acme import AcmeAuthority, AcmeServer
from firstparty.certs.keys import KeyType
from firstparty.certs.limits import earliest, read_limits
from firstparty.certs.local import LocalAuthority, new_local_root
from firstparty.config.addresses import ConfigError
from firstparty.config.rates import Rate
from firstparty.config.settings import LOCAL, Settings
from firstparty.model.authorities import Counter, Use
from firstparty.reconciler.caa import CaaIssuer
from firstparty.reconciler.choice import Authorities, Choice, build_authorities
from firstparty.store import uses
from firstparty.store.certificates import (
    AccountRow,
    add_account,
    load_account,
    save_account_url,
)
from firstparty.store.engine import Store
from firstparty.store.sealing import Sealer

_ROOT_CONTEXT: Final = "local-ca"


def local_root_file(settings: Settings) -> Path:
    """Where the local CA's root certificate is, for clients to trust."""
    return settings.state_directory / "ca.pem"


def build_chosen(settings: Settings, store: Store, sealer: Sealer) -> Authorities:
    """The authorities of the settings. ``sealer`` is control's: no edge ever opens these keys."""
    chosen = settings.certificates.in_order
    unused = settings.certificates.authorities.keys() - set(chosen)
    return build_authorities(
        tuple(_build_choice(name, settings, store, sealer) for name in chosen),
        *(_build_acme(name, settings, store, sealer) for name in sorted(unused)),
        key_type=KeyType(settings.certificates.key_type),
    )


def _build_choice(name: str, settings: Settings, store: Store, sealer: Sealer) -> Choice:
    if name == LOCAL:
        keys = settings.state_directory / "keys"
        authority = load_local_authority(keys / "local-ca.sealed", sealer)
        _replace_file(local_root_file(settings), authority.root_certificate)
        return Choice(authority=authority)
    limits = read_limits(settings.certificates.authorities[name].limits)
    return Choice(
        authority=_build_acme(name, settings, store, sealer),
        limits=limits,
        staging=_build_staging(name, settings, store, sealer),
    )


def _build_acme(name: str, settings: Settings, store: Store, sealer: Sealer) -> AcmeAuthority:
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


def build_issuers(settings: Settings) -> tuple[CaaIssuer, ...]:
    """The authorities in use as CAA names them; none if one of them has no name there.

    A set without that one would forbid it. The local CA looks at no CAA.
    """
    certificates = settings.certificates
    acme = [name for name in certificates.in_order if name != LOCAL]
    issuers = tuple(
        CaaIssuer(
            identity=certificates.authorities[name].caa,
            accounts=(name, _staging_of(name)),
            email=certificates.authorities[name].email,
        )
        for name in acme
    )
    return issuers if all(issuer.identity for issuer in issuers) else ()


def _staging_of(name: str) -> str:
    return f"{name} (staging)"  # no name in the settings is written like this


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
    staging = _staging_of(name)
    return AcmeAuthority(staging, server, StoredAccount(store, sealer, staging))


def read_secret(file: Path, *, key: str) -> str:
    """What the operator put into a file of secrets; raises ConfigError that names the setting."""
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"certificates.{key}: {file} cannot be read: {error}") from error


def load_local_authority(file: Path, sealer: Sealer) -> LocalAuthority:
    """The local CA with the root in ``file``, which is made once; the first of several wins."""
    if not file.exists():
        sealed = sealer.seal(new_local_root(datetime.now(UTC)), context=_ROOT_CONTEXT)
        fresh = _write_beside(file, sealed)
        try:
            os.link(fresh, file)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return LocalAuthority(sealer.open(file.read_bytes(), context=_ROOT_CONTEXT))


def _replace_file(file: Path, content: bytes) -> None:
    if not file.exists() or file.read_bytes() != content:
        _write_beside(file, content, mode=0o644).replace(file)


def _write_beside(file: Path, content: bytes, *, mode: int = 0o600) -> Path:
    """A flushed temporary file next to ``file``, to be linked or renamed into its place."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    return fresh


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
