"""GET /api/v1/events/tail: messages as they arrive, as Server-Sent Events."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse

from firstparty.api.context import ChosenWorkspace, Here, Installation, OfSource, choose_sources
from firstparty.api.problems import describe_problems
from firstparty.errors import TooMany, Unavailable
from firstparty.events.sample import Event
from firstparty.events.spool import Spool, open_spool
from firstparty.events.tail import follow
from firstparty.model.workspaces import Source

MAX_TAILS: Final = 16  # at a time
MAX_DURATION: Final = timedelta(minutes=15)  # a client asks again, with a token that still counts
_QUIET: Final = 75  # looks without an event, until a comment keeps the connection

router = APIRouter(
    prefix="/events", tags=["events"], responses=describe_problems(401, 403, 404, 429, 503)
)


async def _open_tail(request: Request, _here: Here) -> AsyncIterator[Spool]:
    """The spool, for as long as the answer takes."""
    installation: Installation = request.app.state.installation
    if installation.tails.locked():
        raise TooMany(
            "too-many-tails",
            f"{MAX_TAILS} tails run already: end one of them, or try again later.",
            retry_after=timedelta(seconds=30),
        )
    async with installation.tails, open_spool(installation.log_url) as spool:
        yield spool


@router.get(
    "/tail",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "Until you leave"}},
)
async def tail_events(
    here: Here,
    spool: Annotated[Spool, Depends(_open_tail)],
    workspace: ChosenWorkspace = None,
    source_id: OfSource = None,
) -> StreamingResponse:
    """Messages as they arrive, what was done to each, and what became of it: a sample under load.

    Ends after a quarter of an hour: ask again.
    """
    sources = await asyncio.to_thread(choose_sources, here, workspace, source_id)
    return StreamingResponse(_stream(spool, sources), media_type="text/event-stream")


async def _stream(spool: Spool, sources: list[Source]) -> AsyncIterator[bytes]:
    clock = asyncio.get_running_loop().time
    end = clock() + MAX_DURATION.total_seconds()
    quiet = 0
    try:
        async with aclosing(follow(spool, sources)) as looks:
            async for events in looks:
                quiet = 0 if events else quiet + 1
                if events:
                    yield b"".join(map(_encode, events))
                elif quiet % _QUIET == 1:
                    yield b": listening\n\n"
                if clock() > end:
                    return
    except Unavailable:
        return  # the answer has begun; a client asks again, and is told then


def _encode(event: Event) -> bytes:
    # A line break outside of strings is the only one that JSON can have, and ends a field here.
    data = msgspec.json.encode(event).replace(b"\r", b" ").replace(b"\n", b" ")
    name = event.__struct_config__.tag
    return b"event: %b\ndata: %b\n\n" % (str(name).encode(), data)
