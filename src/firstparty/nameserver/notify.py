"""Tells secondaries that a zone has changed (NOTIFY, RFC 1996), until they have heard it."""

import asyncio
from collections.abc import Sequence
from typing import Final

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.tsig

from firstparty.config.addresses import Address
from firstparty.telemetry import Log

_AT_ONCE: Final = 64
_TIMEOUT_SECONDS: Final = 2.0
_PAUSES: Final = (0.0, 1.0, 5.0, 30.0)  # RFC 1996 §3.6: again, ever more slowly


class Notifier:
    """Sends what ``changed`` is told; a zone that waits already is told of once."""

    def __init__(self, secondaries: Sequence[Address], key: dns.tsig.Key) -> None:
        self._secondaries = tuple(secondaries)
        self._key = key
        self._waiting: dict[tuple[Address, bytes], None] = {}
        self._woken = asyncio.Event()
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._log = Log("nameserver")

    def changed(self, apexes: set[bytes]) -> None:
        """These zones, in wire form, have a new serial."""
        self._waiting |= {(one, apex): None for one in self._secondaries for apex in apexes}
        self._woken.set()

    async def run(self) -> None:
        """Send until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._woken.wait()
                self._woken.clear()
                waiting, self._waiting = self._waiting, {}
                for secondary, apex in waiting:
                    await self._free.acquire()
                    group.create_task(self._tell(secondary, apex))

    async def _tell(self, secondary: Address, apex: bytes) -> None:
        name, _ = dns.name.from_wire(apex, 0)
        try:
            for pause in _PAUSES:
                await asyncio.sleep(pause)
                if (secondary, apex) in self._waiting or await self._send(secondary, name):
                    return  # it is told, or about to be told of something newer
            self._log.warning(
                "nameserver.secondary_silent", secondary=str(secondary), zone=name.to_text()
            )
        finally:
            self._free.release()

    async def _send(self, secondary: Address, name: dns.name.Name) -> bool:
        message = dns.message.make_query(name, "SOA")
        message.set_opcode(dns.opcode.NOTIFY)
        message.flags = message.flags & ~dns.flags.RD | dns.flags.AA
        message.use_tsig(self._key)
        try:
            await dns.asyncquery.udp(
                message, secondary.host, port=secondary.port, timeout=_TIMEOUT_SECONDS
            )
        except (dns.exception.DNSException, OSError):
            return False
        return True
