"""A real nats-server of our own configuration, for tests: start, kill, start again."""

import asyncio
import os
import signal
import socket
from pathlib import Path

from firstparty.config.addresses import Address
from firstparty.spool.server import (
    build_command,
    build_config,
    build_environment,
    find_nats_server,
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class NatsServer:
    """One server on one port and folder; may be killed and started any number of times."""

    def __init__(
        self,
        folder: Path,
        *,
        max_bytes: int = 256 * 1024**2,
        memory_bytes: int = 256 * 1024**2,
    ) -> None:
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self.max_bytes = max_bytes
        self._environment = build_environment(memory_bytes=memory_bytes)
        self.config = folder / "nats.conf"
        self.config.write_text(
            build_config(
                listen=Address("127.0.0.1", self.port),
                store=folder / "nats",
                max_bytes=max_bytes,
            )
        )
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            *build_command(find_nats_server(), self.config),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=os.environ | self._environment,
        )
        async with asyncio.timeout(30):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.02)
                else:
                    writer.close()
                    await writer.wait_closed()
                    return

    async def kill(self) -> None:
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        await self._end(signal.SIGTERM)

    async def _end(self, how: signal.Signals) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(how)
            await self.process.wait()
        self.process = None
