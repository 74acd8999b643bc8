"""DNS cookies (RFC 7873, RFC 9018): a client that shows ours again is where it says it is.

A server cookie is version, three zero octets, the time it was made, and a keyed hash of these, the
client's cookie and its address. The version is one for private use (RFC 9018 §8), since the hash is
BLAKE2s: Python has it, and SipHash would only be needed to share a secret with other software.
"""

import hashlib
import hmac
from typing import Final

from firstparty.nameserver.forms import CLIENT_COOKIE, FULL_COOKIE

_VERSION: Final = b"\xf0\x00\x00\x00"
_HASH_OCTETS: Final = 8
# RFC 9018 §4.3, in seconds.
_MAX_AGE: Final = 3600
_MAX_AHEAD: Final = 300
_RENEWED_AFTER: Final = 1800
_SECRET_LASTS: Final = 86_400
_UINT32: Final = 2**32
_REMEMBERED: Final = 65_536


class Cookies:
    """Makes and checks server cookies. Every process with the same ``secret`` takes them.

    The key of the hash is derived anew each day (RFC 9018 §5); a cookie says by its time which.
    Times are in whole seconds of Unix time, addresses of 4 or 16 octets.
    """

    def __init__(self, secret: bytes) -> None:
        """``secret`` is 32 random octets."""
        self._secret = secret
        self._keys: dict[int, bytes] = {}
        self._valid: dict[tuple[bytes, bytes], int] = {}  # to when it was made; checked before

    def check(self, cookie: bytes, address: bytes, now: int) -> tuple[bool, bytes]:
        """Whether ``cookie``, as the client sent it, is ours; and the one to answer with, whole.

        ``cookie`` is a client's 8 octets, with a server's 8 to 32 behind it if it has one.
        """
        made = self._valid.get((cookie, address))
        if made is None:
            made = self._read(cookie, address, now)
        if made is not None and -_MAX_AHEAD <= now - made <= _MAX_AGE:
            if now - made <= _RENEWED_AFTER:
                return True, cookie
            return True, self.make(cookie[:CLIENT_COOKIE], address, now)
        return False, self.make(cookie[:CLIENT_COOKIE], address, now)

    def make(self, client: bytes, address: bytes, now: int) -> bytes:
        """A cookie for this client: its own 8 octets and ours."""
        head = _VERSION + (now % _UINT32).to_bytes(4, "big")
        return client + head + self._hash(client, head, address, now)

    def _read(self, cookie: bytes, address: bytes, now: int) -> int | None:
        """When ``cookie`` was made; None: not by us, or for somebody else."""
        head = cookie[CLIENT_COOKIE : FULL_COOKIE - _HASH_OCTETS]
        if len(cookie) != FULL_COOKIE or not head.startswith(_VERSION):
            return None
        age = (now - int.from_bytes(head[4:], "big")) % _UINT32  # RFC 1982: it wraps
        made = now - (age if age < _UINT32 // 2 else age - _UINT32)
        if not -_MAX_AHEAD <= now - made <= _MAX_AGE:
            return None
        wanted = self._hash(cookie[:CLIENT_COOKIE], head, address, made)
        if not hmac.compare_digest(cookie[-_HASH_OCTETS:], wanted):
            return None
        if len(self._valid) >= _REMEMBERED:
            self._valid.clear()
        self._valid[(cookie, address)] = made
        return made

    def _hash(self, client: bytes, head: bytes, address: bytes, made: int) -> bytes:
        day = made // _SECRET_LASTS
        key = self._keys.get(day)
        if key is None:
            self._keys = {
                near: hashlib.blake2s(near.to_bytes(8, "big"), key=self._secret).digest()
                for near in (day - 1, day, day + 1)
            }
            key = self._keys[day]
        told = client + head + address
        return hashlib.blake2s(told, key=key, digest_size=_HASH_OCTETS).digest()
