"""A tiny real DNS server for TXT records, so that a CA has something to ask."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset

from firstparty.config.addresses import Address


class TxtServer(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.values: dict[str, set[str]] = {}

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA
        values = self.values.get(question.name.to_text(omit_final_dot=True).lower(), set())
        if values and question.rdtype == dns.rdatatype.TXT:
            answer.answer.append(dns.rrset.from_text(question.name, 1, "IN", "TXT", *values))
        self._transport.sendto(answer.to_wire(), addr)


@asynccontextmanager
async def run_txt_server() -> AsyncIterator[tuple[TxtServer, Address]]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(TxtServer, local_addr=("127.0.0.1", 0))
    try:
        yield server, Address(*transport.get_extra_info("sockname"))
    finally:
        transport.close()
