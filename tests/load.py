"""Visitors that send one message after the other through the HTTPS edge, and count."""

import asyncio
import base64
import json
import ssl
from contextlib import suppress
from itertools import count
from pathlib import Path

from tests.running import RunningDemo, trusting


class Load:
    """Visitors that send one message after the other and remember what was answered 200."""

    def __init__(self, demo: RunningDemo, name: str) -> None:
        self._host = demo.domain["api_host"]
        self._port = demo.https_port
        self._trust = trusting(demo.ca)
        key = demo.source("javascript")["write_key"]
        self._authorization = base64.b64encode(f"{key}:".encode()).decode()
        self._name = name
        self._numbers = count()
        self.acknowledged: list[str] = []
        self.refused: list[str] = []  # the status lines of other answers
        self.failures = 0  # connections that broke

    async def visit(self) -> None:
        """One visitor: a connection until it breaks, then another, until cancelled."""
        while True:
            with suppress(OSError, ssl.SSLError, asyncio.IncompleteReadError, TimeoutError):
                async with asyncio.timeout(30):
                    reader, writer = await asyncio.open_connection(
                        "127.0.0.1", self._port, ssl=self._trust, server_hostname=self._host
                    )
                try:
                    while await self._send(reader, writer):
                        pass
                finally:
                    writer.close()
            self.failures += 1
            await asyncio.sleep(0.05)

    async def _send(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        name = f"{self._name}-{next(self._numbers)}"
        body = json.dumps({"type": "track", "event": "x", "userId": "u", "messageId": name})
        writer.write(
            f"POST /v1/t HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
            f"Authorization: Basic {self._authorization}\r\nContent-Type: text/plain\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        async with asyncio.timeout(30):
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
        if head.startswith(b"http/1.1 200"):
            self.acknowledged.append(name)
        else:
            self.refused.append(head.partition(b"\r\n")[0].decode())
        return b"connection: close" not in head

    async def grow(self, more: int) -> None:
        """Wait until so many more are acknowledged."""
        wanted = len(self.acknowledged) + more
        async with asyncio.timeout(30):
            while len(self.acknowledged) < wanted:
                await asyncio.sleep(0.02)


def is_back(demo: RunningDemo, role: str, before: int) -> bool:
    return demo.report["pids"].get(role, before) != before


def find_lost(acknowledged: list[str], received: Path) -> set[str]:
    lines = received.read_text().splitlines()
    there = {json.loads(line)["message"]["messageId"] for line in lines}
    return set(acknowledged) - there
