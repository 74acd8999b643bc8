"""The two ends of an edge under test: a visitor, and back ends that tell what reached them."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes
    certificate: bytes | None

    def json(self) -> dict:
        return json.loads(self.body)


def is_served(answer: Answer) -> bool:
    return answer.status == 200


class Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        tls = writer.get_extra_info("ssl_object")
        self._certificate = tls.getpeercert(binary_form=True) if tls else None

    async def ask(
        self,
        method: str,
        host: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self._writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return await self._read_answer()

    async def _read_answer(self) -> Answer:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().removesuffix("\r\n\r\n")
        first, *lines = head.split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        body = b""
        if headers.get("transfer-encoding") == "chunked":
            while size := int(await self._reader.readline(), 16):
                body += await self._reader.readexactly(size)
                await self._reader.readexactly(2)
            await self._reader.readexactly(2)
        else:
            body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(
            status=int(first.split(" ")[1]),
            headers=headers,
            body=body,
            certificate=self._certificate,
        )

    def close(self) -> None:
        self._writer.close()


@contextlib.asynccontextmanager
async def echoing(path: Path, name: str) -> AsyncIterator[None]:
    """A back end that answers with what it got."""

    async def answer(request: web.BaseRequest) -> web.Response:
        seen = {
            "server": name,
            "method": request.method,
            "path": request.raw_path,
            "headers": {key.lower(): value for key, value in request.headers.items()},
            "body_bytes": len(await request.read()),
        }
        response = web.json_response(seen)
        response.headers["Set-Cookie"] = "a=b"
        response.headers["Access-Control-Allow-Origin"] = "https://from.backend"
        return response

    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    site = web.UnixSite(runner, path)
    await site.start()
    try:
        yield
    finally:
        await runner.cleanup()


async def run(*command: str) -> str:
    """What a program says on standard output."""
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    return output.decode()
