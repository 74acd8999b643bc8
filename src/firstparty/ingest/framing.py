"""A request that is taken becomes an entry of the log (no I/O): its id, its time, its sender."""

import ipaddress
import os
import time
from collections.abc import Mapping
from typing import Final

from firstparty.ingest.privacy import Cleaner
from firstparty.ingest.visitors import Visitors
from firstparty.model.messages import Encoding, Path
from firstparty.spool.entries import Framed, build_entry, pack_address

_NO_ADDRESS: Final = bytes(16)
_MAX_ADDRESSES: Final = 65_536  # some MB of them; then their packing begins again


class Framer:
    """Builds the entries of one process."""

    def __init__(self, visitors: Visitors) -> None:
        self._visitors = visitors
        self._run_id = os.urandom(8)
        self._entries = 0
        self._addresses: dict[bytes, bytes] = {}

    def frame(  # on the hot path: no value is built, no names passed
        self,
        headers: Mapping[bytes, bytes],
        source: int,
        path: Path,
        encoding: Encoding,
        body: bytes,
        cleaner: Cleaner | None,
    ) -> Framed:
        """The framed entry of a request with these headers, whose ``body`` is clean already."""
        self._entries += 1
        text = self._visitors.find(headers)
        address = self._addresses.get(text) or self._pack(text)
        user_agent = headers.get(b"user-agent", b"")
        if cleaner is not None:
            address = cleaner.clean_address(address)
            user_agent = user_agent if cleaner.keeps_user_agent else b""
        return build_entry(
            self._run_id + self._entries.to_bytes(8, "big"),
            time.time_ns() // 1_000_000,
            source,
            path,
            encoding,
            address,
            user_agent,
            body,
        )

    def _pack(self, text: bytes) -> bytes:
        """The client's address for an entry; and remember it."""
        try:
            packed = pack_address(ipaddress.ip_address(text.decode("ascii")))
        except ValueError:
            packed = _NO_ADDRESS
        if len(self._addresses) >= _MAX_ADDRESSES:
            self._addresses.clear()
        self._addresses[text] = packed
        return packed
