"""The one address of all metrics, in the supervisor: ``/metrics``, ``/healthz`` and ``/readyz``.

It asks every process that runs, and Envoy. It knows next to nothing else, so that it stays small.
"""

import asyncio
from pathlib import Path
from typing import Final

import h11

from firstparty.config.addresses import parse_address
from firstparty.config.settings import Settings
from firstparty.serve.metrics.catalogue import UP
from firstparty.serve.metrics.child import read_text, socket_of
from firstparty.serve.metrics.text import Sample, merge, render
from firstparty.serve.supervisor import Supervisor
from firstparty.telemetry import Log

_SECONDS: Final = 5.0
_MAX_BYTES: Final = 16 * 1024 * 1024
_READ_BYTES: Final = 64 * 1024
_TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
_ENVOY: Final = "/stats/prometheus?usedonly"
_LOG: Final = Log("supervisor")


async def serve_metrics(settings: Settings, supervisor: Supervisor) -> None:
    """Answer until cancelled. A port that is taken is said, and stops nothing else."""
    if not settings.metrics.listen:
        return
    address = parse_address(settings.metrics.listen, key="metrics.listen")
    run = settings.run_directory

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_SECONDS + 1):
                line = await reader.readline()
                while (await reader.readline()).strip():
                    pass
                path = line.split(b" ")[1].decode("ascii", "replace") if line.count(b" ") else ""
                status, kind, body = await _answer(path.partition("?")[0], run, supervisor)
                head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nConnection: close\r\n"
                head += f"Content-Length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
        except (TimeoutError, OSError, ValueError):
            pass  # whoever asked left, was too slow, or speaks no HTTP
        finally:
            writer.close()

    try:
        server = await asyncio.start_server(answer, address.host, address.port)
    except OSError as error:
        _LOG.warning("metrics.unavailable", listen=str(address), reason=error.strerror)
        return
    async with server:
        await server.serve_forever()


async def _answer(path: str, run: Path, supervisor: Supervisor) -> tuple[str, str, bytes]:
    match path:
        case "/metrics":
            return "200 OK", _TEXT, (await _collect(run, supervisor)).encode()
        case "/healthz":
            return "200 OK", "text/plain", b"ok\n"
        case "/readyz":
            missing = sorted(set(supervisor.roles) - set(supervisor.alive))
            if not missing:
                return "200 OK", "text/plain", b"ok\n"
            told = f"not running: {', '.join(missing)}\n"
            return "503 Service Unavailable", "text/plain", told.encode()
        case _:
            return "404 Not Found", "text/plain", b"/metrics, /healthz or /readyz\n"


async def _collect(run: Path, supervisor: Supervisor) -> str:
    pids = supervisor.alive
    own = [
        Sample(metric=UP, value=float(role in pids), labels={"role": role})
        for role in sorted(supervisor.roles)
    ]
    paths = {socket_of(run, pid) for pid in pids.values()}
    asked = [read_text(path, seconds=_SECONDS) for path in sorted(paths) if path.exists()]
    if (run / "envoy.sock").exists():
        asked.append(_read_envoy(run / "envoy.sock"))
    return merge((render(own, process="supervisor"), *await asyncio.gather(*asked)))


async def _read_envoy(path: Path) -> str:
    """Envoy's own metrics, from its admin socket; nothing if it does not answer in time."""
    try:
        async with asyncio.timeout(_SECONDS):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                return await _exchange(reader, writer)
            finally:
                writer.close()
    except (TimeoutError, OSError, ValueError, h11.ProtocolError):
        return ""


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    connection = h11.Connection(h11.CLIENT)
    request = h11.Request(method="GET", target=_ENVOY, headers=[("Host", "envoy")])
    writer.write(connection.send(request) + connection.send(h11.EndOfMessage()))
    body = bytearray()
    while len(body) < _MAX_BYTES:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_READ_BYTES))
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            break
    return body.decode()
