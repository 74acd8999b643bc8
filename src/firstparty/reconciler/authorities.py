"""The certificate authority of the settings, with what it keeps: sealed with control's key.

The local CA's root is one sealed file in the state directory; an ACME account is a row.
"""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy.exc import IntegrityError

from firstparty.certs.account import Account
from firstparty.certs.acme import AcmeAuthority, AcmeServer
from firstparty.certs.local import LocalAuthority, new_local_root
from firstparty.config.settings import Settings
from firstparty.store.certificates import (
    AccountRow,
    add_account,
    load_account,
    save_account_url,
)
from firstparty.store.engine import Store
from firstparty.store.sealing import Sealer

LOCAL: Final = "local"
_ROOT_CONTEXT: Final = "local-ca"


def local_root_file(settings: Settings) -> Path:
    """Where the local CA's root certificate is, for clients to trust."""
    return settings.state_directory / "ca.pem"


def build_authority(
    settings: Settings, store: Store, sealer: Sealer
) -> LocalAuthority | AcmeAuthority:
    """The authority in use. ``sealer`` is control's: no edge ever opens these keys."""
    name = settings.certificates.authority
    if name == LOCAL:
        keys = settings.state_directory / "keys"
        authority = load_local_authority(keys / "local-ca.sealed", sealer)
        _replace_file(local_root_file(settings), authority.root_certificate)
        return authority
    chosen = settings.certificates.authorities[name]
    server = AcmeServer(directory=chosen.directory, email=chosen.email, ca_bundle=chosen.ca_bundle)
    return AcmeAuthority(name, server, StoredAccount(store, sealer, name))


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

    def __init__(self, store: Store, sealer: Sealer, authority: str) -> None:
        self._store = store
        self._sealer = sealer
        self._authority = authority
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

    def save_url(self, url: str) -> None:
        """See AccountKeeper."""
        with self._store.write() as connection:
            save_account_url(connection, self._authority, url)
