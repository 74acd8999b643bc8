"""Whose address a message comes from, where trusted proxies stand in front of the edge (no I/O)."""

from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final

Network = IPv4Network | IPv6Network

PEER: Final = b"x-real-ip"  # Envoy alone sets it: the other end of the connection
CLAIMED: Final = b"x-claimed"  # X-Forwarded-For as it came, where any proxy is trusted
_MAX_KNOWN: Final = 4_096


class Visitors:
    """Tells the visitor's address; believes what the trusted proxies say, and nobody else."""

    def __init__(self, trusted: tuple[Network, ...] = ()) -> None:
        self._trusted = trusted
        self._known: dict[bytes, bool] = {}

    def find(self, headers: Mapping[bytes, bytes]) -> bytes:
        """The address as text, perhaps none: the last one that a trusted proxy saw, or the peer's.

        Whatever stands before it in X-Forwarded-For, the visitor may have made up.
        """
        peer = headers.get(PEER, b"")
        if not self._trusted or CLAIMED not in headers or not self._is_trusted(peer):
            return peer
        for claimed in reversed(headers[CLAIMED].split(b",")):
            address = claimed.strip()
            if not self._is_trusted(address):
                return address if _parse(address) is not None else peer
        return peer

    def _is_trusted(self, text: bytes) -> bool:
        found = self._known.get(text)
        if found is None:
            address = _parse(text)
            found = address is not None and any(address in network for network in self._trusted)
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            self._known[text] = found
        return found


def _parse(text: bytes) -> object:
    try:
        return ip_address(text.decode("ascii"))
    except ValueError:
        return None
