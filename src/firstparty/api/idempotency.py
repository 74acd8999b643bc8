"""Idempotency-Key: the same POST sent again gets the same answer and does nothing twice.

Answers are kept for a day, sealed with a key that is made of the caller's token and key, neither
of which is stored: so a token's secret in an answer is not in the store in the clear.
"""

import asyncio
import hashlib
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute

from firstparty.api.context import Installation, authenticate
from firstparty.errors import Conflict, Refused
from firstparty.store.answers import load_or_reserve, release, save_answer
from firstparty.store.sealing import Sealer

HEADER: Final = "Idempotency-Key"
KEPT: Final = timedelta(days=1)
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_CONTEXT: Final = "answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    """A request as far as doing it twice is concerned."""

    key: str  # in the store: whose key it is, and for what
    fingerprint: str
    sealer: Sealer


class IdempotentRoute(APIRoute):
    """A route whose POST honours the Idempotency-Key header."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler that FastAPI calls."""
        handle = super().get_route_handler()

        async def handle_once(request: Request) -> Response:
            key = request.headers.get(HEADER)
            if request.method != "POST" or key is None:
                return await handle(request)
            return await _answer_once(request, key, handle)

        return handle_once


async def _answer_once(
    request: Request, key: str, handle: Callable[[Request], Coroutine[Any, Any, Response]]
) -> Response:
    if not _KEY.fullmatch(key):
        raise Refused(
            "idempotency-key-invalid",
            f"{HEADER} is 1 to 255 visible ASCII characters: a random UUID is a good one.",
            field=HEADER,
        )
    installation: Installation = request.app.state.installation
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    bearer = bearer.strip() if scheme.lower() == "bearer" else ""
    # Before anything is looked up or stored: a revoked token gets no answer of its past.
    await asyncio.to_thread(authenticate, installation, bearer)
    sent = _build_sent(request, await request.body(), bearer=bearer, key=key)
    kept = await asyncio.to_thread(_look_up, installation, sent)
    if kept is not None:
        return kept
    try:
        response = await handle(request)
    except Exception:  # not when cancelled: the endpoint's thread goes on, and may succeed
        await asyncio.to_thread(_release, installation, sent)
        raise
    await asyncio.to_thread(_keep, installation, sent, response)
    return response


def _build_sent(request: Request, body: bytes, *, bearer: str, key: str) -> _Sent:
    whose = f"{request.method}\0{request.url.path}\0{bearer}\0{key}"
    query = request.url.query.encode()
    return _Sent(
        key=hashlib.sha256(whose.encode()).hexdigest(),
        fingerprint=hashlib.sha256(query + b"\0" + body).hexdigest(),
        sealer=Sealer(hashlib.sha256(f"seal\0{bearer}\0{key}".encode()).digest()),
    )


def _look_up(installation: Installation, sent: _Sent) -> Response | None:
    now = installation.clock()
    with installation.store.write() as connection:
        kept = load_or_reserve(connection, sent.key, sent.fingerprint, now=now, until=now + KEPT)
    if kept is None:
        return None
    if kept.fingerprint != sent.fingerprint:
        raise Conflict(
            "idempotency-key-reused",
            f"This {HEADER} was sent with another request: use a new key for a new request.",
        )
    if kept.status is None or kept.sealed_body is None:
        raise Conflict(
            "idempotency-unfinished",
            "The first request with this key is still running or was cut off: "
            "look whether it took effect, then use a new key.",
        )
    return Response(
        sent.sealer.open(kept.sealed_body, context=_CONTEXT),
        status_code=kept.status,
        media_type="application/json",
        headers={"Idempotency-Replayed": "true"},
    )


def _keep(installation: Installation, sent: _Sent, response: Response) -> None:
    sealed = sent.sealer.seal(bytes(response.body), context=_CONTEXT)
    with installation.store.write() as connection:
        save_answer(connection, sent.key, status=response.status_code, sealed_body=sealed)


def _release(installation: Installation, sent: _Sent) -> None:
    with installation.store.write() as connection:
        release(connection, sent.key)
