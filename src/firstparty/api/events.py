"""The operations of /api/v1/events: what became of messages."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from firstparty.api.context import ChosenWorkspace, Context, Here, Limit, OfSource, choose_sources
from firstparty.api.event_answers import AccountAnswer, LetterAnswer, ReplayAnswer
from firstparty.api.idempotency import IdempotentRoute
from firstparty.api.pages import Page, build_page
from firstparty.api.problems import describe_problems
from firstparty.events.dead import (
    Replayed,
    find_letter,
    list_letters,
    parse_letter_id,
    replay_letter,
    replay_source,
)
from firstparty.events.export import MEDIA_TYPES, Format, build_row, render_rows
from firstparty.events.ledger import read_ledger
from firstparty.events.spool import open_spool
from firstparty.events.whose import audit_replay, find_source
from firstparty.model.workspaces import Role, Source
from firstparty.spool.tally import read_tally

router = APIRouter(
    prefix="/events",
    tags=["events"],
    route_class=IdempotentRoute,
    responses=describe_problems(401, 403, 404, 422, 503),
)
After = Annotated[
    str, Query(description="`next` of the page before; empty for the first page", max_length=100)
]


class ReplayRequest(BaseModel):
    """Which dead letters to put in again."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"source_id": "src_8Qm2xT4nB7vK1cD5sW9e"}]},
    )

    source_id: Annotated[str, Field(description="All of this source", max_length=64)]


@router.get("/ledger")
async def show_ledger(
    here: Here,
    workspace: ChosenWorkspace = None,
    source_id: OfSource = None,
    after: After = "",
    limit: Limit = 50,
) -> Page[AccountAnswer]:
    """How many messages were accepted, and what became of them, source by source."""
    sources = await asyncio.to_thread(choose_sources, here, workspace, source_id)
    start = next((at for at, one in enumerate(sources, start=1) if one.id == after), 0)
    rows = await _read_rows(here, sources[start : start + limit + 1])
    return build_page(
        rows, limit, build=AccountAnswer.model_validate, cursor=lambda row: str(row["source_id"])
    )


@router.get(
    "/ledger/export",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {media: {} for media in MEDIA_TYPES.values()},
            "description": "A line for each source",
        }
    },
)
async def export_ledger(
    here: Here,
    workspace: ChosenWorkspace = None,
    source_id: OfSource = None,
    written: Annotated[Format, Query(alias="format", description="ndjson or csv")] = Format.NDJSON,
) -> StreamingResponse:
    """The ledger of all sources, as of one moment, as a file."""
    sources = await asyncio.to_thread(choose_sources, here, workspace, source_id)
    rows = await _read_rows(here, sources)
    return StreamingResponse(
        render_rows(rows, written),
        media_type=MEDIA_TYPES[written],
        headers={"Content-Disposition": f'attachment; filename="ledger.{written}"'},
    )


@router.get("/dead")
async def list_dead(
    here: Here,
    workspace: ChosenWorkspace = None,
    source_id: OfSource = None,
    after: After = "",
    limit: Limit = 50,
) -> Page[LetterAnswer]:
    """The dead letters, oldest first, source by source."""
    sources = await asyncio.to_thread(choose_sources, here, workspace, source_id)
    async with open_spool(here.log_url) as spool:
        found = await list_letters(spool.outcomes, sources, after=after, limit=limit + 1)
    return build_page(found, limit, build=LetterAnswer.of, cursor=lambda letter: letter.id)


@router.post("/dead/replay")
async def replay_dead(here: Here, asked: ReplayRequest) -> ReplayAnswer:
    """Put the dead letters of a source into the log again. Needs the role editor."""
    source = await asyncio.to_thread(
        find_source, here.store, here.caller, asked.source_id, Role.EDITOR
    )
    async with open_spool(here.log_url) as spool:
        done = await replay_source(spool, source)
    return await _tell(here, source, done, subject=source.id)


@router.post("/dead/{letter_id}/replay")
async def replay_one(here: Here, letter_id: str) -> ReplayAnswer:
    """Put one dead letter into the log again. Needs the role editor."""
    source_id, sequence = parse_letter_id(letter_id)
    source = await asyncio.to_thread(
        find_source, here.store, here.caller, source_id, Role.EDITOR, letter_id=letter_id
    )
    async with open_spool(here.log_url) as spool:
        await replay_letter(spool, await find_letter(spool.outcomes, source, sequence))
    done = Replayed(replayed=1, kept=0, is_more=False)
    return await _tell(here, source, done, subject=letter_id)


async def _read_rows(here: Context, sources: Sequence[Source]) -> list[dict[str, Any]]:
    """Their accounts as of one moment, by the names of COLUMNS."""
    async with open_spool(here.log_url) as spool:
        now = await read_ledger(spool.log, spool.outcomes)
        not_kept = await read_tally(spool.log, [source.number for source in sources])
    return [build_row(source, now, not_kept[source.number]) for source in sources]


async def _tell(here: Context, source: Source, done: Replayed, *, subject: str) -> ReplayAnswer:
    await asyncio.to_thread(
        audit_replay,
        here.store,
        here.caller,
        source,
        subject=subject,
        replayed=done.replayed,
        now=here.now,
    )
    return ReplayAnswer(replayed=done.replayed, kept=done.kept, is_more=done.is_more)
