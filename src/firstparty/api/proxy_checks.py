"""The operations of /api/v1/proxy-checks: custom proxies checked from here, at public addresses."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Annotated, Final, Literal

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from firstparty.api.context import Context, Here
from firstparty.api.idempotency import IdempotentRoute
from firstparty.api.problems import describe_problems
from firstparty.control.proxy_checks import admit_proxy_check
from firstparty.errors import Refused, TooMany
from firstparty.outbound.http import SafeClient
from firstparty.proxies.check import Report, check_proxy, summarise
from firstparty.proxies.platforms import PROVIDERS, find_words
from firstparty.proxies.result import Result
from firstparty.proxies.target import Target, parse_target

router = APIRouter(
    prefix="/proxy-checks",
    tags=["proxies"],
    route_class=IdempotentRoute,
    responses=describe_problems(401, 403, 404, 409, 422, 429),
)
# An answer that is still being written cannot be kept for an Idempotency-Key.
live_router = APIRouter(
    prefix="/proxy-checks",
    tags=["proxies"],
    responses=describe_problems(401, 403, 404, 409, 422, 429),
)
MAX_AT_ONCE: Final = 4
_RETRY_AFTER: Final = timedelta(seconds=5)


class ProxyCheckRequest(BaseModel):
    """A proxy to check."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"cdn": "https://cdn.shop.com", "api": "https://api.shop.com/v1"}]
        },
    )

    cdn: Annotated[
        str,
        Field(description="The CDN side", examples=["https://cdn.shop.com"], max_length=500),
    ]
    api: Annotated[
        str | None,
        Field(description="The API side", examples=["https://api.shop.com/v1"], max_length=500),
    ] = None
    source_id: Annotated[
        str | None, Field(description="Send marked test messages for this source", max_length=64)
    ] = None
    provider: Annotated[
        str | None, Field(description="What it runs on: " + ", ".join(PROVIDERS), max_length=40)
    ] = None
    workspace_id: Annotated[
        str | None, Field(description="Where; not needed where you see just one", max_length=64)
    ] = None


class ProxyCheckResult(BaseModel):
    """One result; empty texts where there is nothing to say."""

    check: Annotated[str, Field(examples=["api.authorization"])]
    title: Annotated[str, Field(description="What passes")]
    status: Literal["pass", "warn", "fail", "skip"]
    sentence: str
    cause: Annotated[str | None, Field(examples=["authorization-dropped"])]
    fix: Annotated[str, Field(description="What to change, in the provider's words")]
    request: Annotated[str, Field(description="What was asked, in short")]
    answer: Annotated[str, Field(description="What came back, in short")]


class ProxyCheckAnswer(BaseModel):
    """All results, and the word for all of them."""

    status: Literal["pass", "warn", "fail"]
    results: list[ProxyCheckResult]


def _parse(here: Here, asked: ProxyCheckRequest) -> Target:
    """What is to be checked, for somebody who may."""
    workspace = here.choose_workspace(asked.workspace_id)
    write_key = admit_proxy_check(
        here.store, here.caller, workspace_id=workspace.id, source_id=asked.source_id
    )
    provider = None if asked.provider is None else find_words(asked.provider)
    if provider is None and asked.provider is not None:
        sentence = f"The provider is one of {', '.join(PROVIDERS)}."
        raise Refused("unknown-provider", sentence, field="provider")
    return parse_target(cdn=asked.cdn, api=asked.api, write_key=write_key, provider=provider)


Asked = Annotated[Target, Depends(_parse)]


def _take_place(request: Request, target: Asked) -> Iterator[Target]:
    """The target, with one of the few places for checks for as long as the answer takes."""
    places = request.app.state.installation.proxy_checks
    if not places.acquire(blocking=False):
        raise TooMany(
            "checks-under-way",
            f"{MAX_AT_ONCE} proxies are being checked already: try again in a moment.",
            retry_after=_RETRY_AFTER,
        )
    try:
        yield target
    finally:
        places.release()


Placed = Annotated[Target, Depends(_take_place)]


@router.post("")
def check_a_proxy(here: Here, target: Placed) -> ProxyCheckAnswer:
    """Check a custom proxy, at public addresses only. Needs the role editor."""
    results = asyncio.run(_check(target, here, report=_ignore))
    return ProxyCheckAnswer.model_validate(
        {"status": summarise(results), "results": results}, from_attributes=True
    )


@live_router.post(
    "/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "Each as it is known"}},
)
async def check_a_proxy_live(here: Here, target: Placed) -> StreamingResponse:
    """The same as Server-Sent Events: ``result`` for each one, ``verdict`` at the end."""
    return StreamingResponse(_stream(target, here), media_type="text/event-stream")


async def _stream(target: Target, here: Context) -> AsyncIterator[bytes]:
    known: asyncio.Queue[Result | None] = asyncio.Queue()
    running = asyncio.create_task(_check(target, here, report=known.put_nowait))
    running.add_done_callback(lambda _: known.put_nowait(None))
    try:
        while (result := await known.get()) is not None:
            yield _encode("result", result)
        yield _encode("verdict", {"status": summarise(await running)})
    finally:
        running.cancel()


def _encode(event: str, value: object) -> bytes:
    # JSON has no line break but in strings, where it is escaped.
    return b"event: %b\ndata: %b\n\n" % (event.encode(), msgspec.json.encode(value))


async def _check(target: Target, here: Context, *, report: Report) -> tuple[Result, ...]:
    return await check_proxy(
        target,
        SafeClient(allow_private=False),
        now=here.now,
        nonce=secrets.token_hex(8),
        report=report,
    )


def _ignore(result: Result) -> None:
    del result
