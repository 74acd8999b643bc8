"""The local CA, whose root is one file in the state directory, sealed with control's key."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from firstparty.certs.local import LocalAuthority, new_local_root
from firstparty.config.settings import Settings
from firstparty.store.sealing import Sealer

_ROOT_CONTEXT: Final = "local-ca"


def local_root_file(settings: Settings) -> Path:
    """Where the local CA's root certificate is, for clients to trust."""
    return settings.state_directory / "ca.pem"


def open_local_authority(settings: Settings, sealer: Sealer) -> LocalAuthority:
    """The local CA of this installation, its root certificate written for clients."""
    authority = load_local_authority(settings.state_directory / "keys" / "local-ca.sealed", sealer)
    _replace_file(local_root_file(settings), authority.root_certificate)
    return authority


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
