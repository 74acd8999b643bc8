"""Private keys at rest: AES-256-GCM under a key that is kept apart from the store.

Two keys of this kind exist: *control's* seals account and CA keys and never reaches an edge; the
*edge's* seals certificate keys, which the edge must open by itself after a reboot.
"""

import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12  # NIST SP 800-38D §8.2.2: random 96-bit nonces
_VERSION: Final = b"\x01"


class SealBroken(Exception):
    """The sealed bytes were changed, sealed for another context, or sealed with another key."""


class Sealer:
    """Seals and opens secrets. ``context`` binds a secret to the thing it belongs to."""

    def __init__(self, key: bytes) -> None:
        """``key`` is 32 random bytes."""
        self._cipher = AESGCM(key)

    def seal(self, secret: bytes, *, context: str) -> bytes:
        """``secret`` encrypted and authenticated together with ``context``."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, secret, context.encode())

    def open(self, sealed: bytes, *, context: str) -> bytes:
        """The secret; raises SealBroken unless key, context and bytes are all the right ones."""
        nonce, body = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        if sealed[:1] != _VERSION:
            raise SealBroken(f"{context}: not sealed by this version")
        try:
            return self._cipher.decrypt(nonce, body, context.encode())
        except InvalidTag as error:
            raise SealBroken(f"{context}: cannot be opened with this key") from error


def load_sealer(file: Path) -> Sealer:
    """The sealer of the key in ``file``; the key is made, mode 0600, when there is none.

    Safe when several processes start at once: the first link wins and all read that one.
    """
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_name(f".{file.name}.{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(secrets.token_bytes(_KEY_BYTES))
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(fresh, file)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return Sealer(file.read_bytes())
