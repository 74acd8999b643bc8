"""The live debugger: messages as they arrive, what was done to each, and what became of it.

The browser gets rows that are rendered here, as Server-Sent Events; ``debugger.js`` puts them in.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from typing import Final

from starlette.responses import Response, StreamingResponse

from firstparty.console.message_text import headline_of, print_json
from firstparty.console.messages import chosen_of, messages_values
from firstparty.console.pages import render_page, render_text
from firstparty.console.visits import Visit
from firstparty.errors import Unavailable
from firstparty.events.sample import Event, MessageSeen, OutcomeSeen, Skipped
from firstparty.events.spool import open_spool
from firstparty.events.tail import follow
from firstparty.events.whose import list_sources
from firstparty.model.workspaces import Source

MAX_DEBUGGERS: Final = 16  # open pages at a time, all people together
_LONGEST: Final = timedelta(minutes=15)  # then the browser asks again, with a session that counts
_QUIET: Final = 75  # looks without an event, until a comment keeps the connection


def show_debugger(visit: Visit) -> Response:
    """The page, still without messages."""
    return render_page(visit, "messages_live.html", **messages_values(visit, tab="live"))


def stream_messages(visit: Visit) -> Response:
    """What the page listens to."""
    store, workspace_id = visit.place.store, visit.path["workspace_id"]
    sources = chosen_of(visit, list_sources(store, visit.caller, workspace_id))
    return StreamingResponse(_stream(visit, sources), media_type="text/event-stream")


async def _stream(visit: Visit, sources: list[Source]) -> AsyncIterator[bytes]:
    place, clock = visit.place, asyncio.get_running_loop().time
    if place.debuggers.locked():
        yield _frame("sorry", f"{MAX_DEBUGGERS} debuggers are open already: close one of them.")
        return
    names = {source.id: source.name for source in sources}
    end, quiet = clock() + _LONGEST.total_seconds(), 0
    try:
        async with (
            place.debuggers,
            open_spool(place.log_url) as spool,
            aclosing(follow(spool, sources)) as looks,
        ):
            async for events in looks:
                quiet = 0 if events else quiet + 1
                for event in events:
                    yield _render(visit, event, names)
                if quiet % _QUIET == 1:
                    yield b"event: listening\ndata:\n\n"
                if clock() > end:
                    return
    except Unavailable:
        yield _frame("sorry", "The log does not answer.")


def _render(visit: Visit, event: Event, names: dict[str, str]) -> bytes:
    match event:
        case MessageSeen():
            body = bytes(event.body) if event.body is not None else b""
            row = render_text(
                "message_row.html",
                now=visit.now,
                message=event,
                source_name=names[event.source_id],
                headline=headline_of(body),
                text=print_json(body) if body else "",
            )
            return _frame("message", row)
        case OutcomeSeen():
            return _frame("outcome", render_text("message_outcome.html", outcome=event))
        case Skipped():
            return _frame("skipped", str(event.messages + event.groups))


def _frame(name: str, text: str) -> bytes:
    data = "".join(f"data: {line}\n" for line in text.splitlines() or [""])
    return f"event: {name}\n{data}\n".encode()
