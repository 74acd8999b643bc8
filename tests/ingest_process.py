"""The ingest role in a process of its own, on a Unix socket."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from tests.ingest_role import Client

_RUN = (
    "import socket, sys, uvloop; from pathlib import Path; "
    "from firstparty.ingest.rates import Rates; "
    "from firstparty.ingest.serve import serve_ingest; "
    "from firstparty.store.reader import open_feed; "
    "from firstparty.telemetry import configure_logs; configure_logs('ingest'); "
    "listener = socket.socket(socket.AF_UNIX); listener.bind(sys.argv[1]); listener.listen(128); "
    "uvloop.run(serve_ingest(listener=listener, feed=open_feed(sys.argv[2]), "
    "snapshot=Path(sys.argv[1] + '.snapshot'), log_url=sys.argv[3], "
    "log_max_bytes=int(sys.argv[4]), rates=Rates()))"
)


class IngestProcess:
    """One that runs, and where it is asked."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    async def connect(self) -> Client:
        """A connection; waits for the process to listen."""
        async with asyncio.timeout(60):
            while True:
                with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
                    return Client(*await asyncio.open_unix_connection(str(self._socket)))
                await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def ingest_process(
    folder: Path,
    *,
    store_url: str,
    log_url: str,
    log_max_bytes: int,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[IngestProcess]:
    """The role with the feed of this store, killed at the end."""
    socket = folder / "ingest.sock"
    with (folder / "ingest.log").open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _RUN, str(socket), store_url, log_url, str(log_max_bytes)),
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(sys.path),
                **(environment or {}),
            },
            stderr=stderr,
        )
    try:
        yield IngestProcess(socket)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
