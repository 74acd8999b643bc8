"""A process of roles tells its metrics on a Unix socket, to the supervisor alone."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path

from firstparty.serve.metrics.text import Sample, render

Collect = Callable[[], Awaitable[Iterable[Sample]]]


def socket_of(directory: Path, pid: int) -> Path:
    """The socket of the process with this pid; short, since paths of sockets are bounded."""
    return directory / f"m-{pid}.sock"


async def read_text(path: Path, *, seconds: float) -> str:
    """What the process at this socket tells; "" if it does not in time, or is no more."""
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                return (await reader.read()).decode()
            finally:
                writer.close()
    except (TimeoutError, OSError, ValueError):
        return ""


async def tell_metrics(directory: Path, process: str, collectors: Sequence[Collect]) -> None:
    """Answer each connection with the text of all samples, until cancelled."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        try:
            samples = [one for collect in collectors for one in await collect()]
            writer.write(render(samples, process=process).encode())
            await writer.drain()
        finally:
            writer.close()

    path = socket_of(directory, os.getpid())
    path.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(answer, path)
    try:
        async with server:
            await server.serve_forever()
    finally:
        path.unlink(missing_ok=True)
