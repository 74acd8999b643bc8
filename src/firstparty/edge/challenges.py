"""The small HTTP server that answers http-01 validations, and nothing else.

Only a live challenge of exactly this host and token is answered: a path that answers more lets
strangers drive traffic to the CA or reach what is behind.
"""

import asyncio
import socket
from datetime import UTC, datetime
from typing import Final

from aiohttp import web

from firstparty.edge.resources import Resources
from firstparty.edge.routes import CHALLENGE_PREFIX

_SHUTDOWN_SECONDS: Final = 1.0


async def serve_challenges(listener: socket.socket, resources: Resources) -> None:
    """Answer on ``listener`` until cancelled."""

    async def answer(request: web.BaseRequest) -> web.Response:
        return _answer(request, resources)

    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        await asyncio.Event().wait()
    finally:
        await asyncio.wait_for(runner.cleanup(), _SHUTDOWN_SECONDS)


def _answer(request: web.BaseRequest, resources: Resources) -> web.Response:
    found = None
    path = request.raw_path
    if request.method in {"GET", "HEAD"} and path.startswith(CHALLENGE_PREFIX):
        host = request.headers.get("Host", "").partition(":")[0].removesuffix(".").lower()
        token = path.removeprefix(CHALLENGE_PREFIX)
        found = resources.key_authorization(host=host, token=token, now=datetime.now(UTC))
    if found is not None:
        return web.Response(text=found)
    sentence = "There is no such challenge here."
    body = {"success": False, "code": "not_found", "message": sentence, "error": sentence}
    return web.json_response(body, status=404)
