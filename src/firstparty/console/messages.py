"""What became of messages: the ledger, and the dead letters with their replay."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from starlette.responses import Response

from firstparty.console.message_text import print_json
from firstparty.console.pages import redirect, render_page, workspace_values
from firstparty.console.visits import Visit
from firstparty.errors import NotFound
from firstparty.events.dead import (
    Replayed,
    StoredLetter,
    find_letter,
    list_letters,
    parse_letter_id,
    replay_letter,
    replay_source,
)
from firstparty.events.export import MEDIA_TYPES, Format, build_row, render_rows
from firstparty.events.ledger import LedgerNow, read_ledger
from firstparty.events.spool import Spool, open_spool
from firstparty.events.whose import audit_replay, find_source, list_sources
from firstparty.forward.ledger import Account
from firstparty.forward.letters import open_request
from firstparty.model.workspaces import Role, Source
from firstparty.spool.tally import NotKept, read_tally

_LETTERS: Final = 50
_SOURCES: Final = 200
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLine:
    """A source, its account, and what was not accepted of it."""

    source: Source
    account: Account
    not_kept: NotKept


def export_ledger(visit: Visit) -> Response:
    """The same of all sources, as a file."""
    sources = chosen_of(visit, messages_values(visit, tab="ledger")["sources"])
    written = Format.CSV if visit.query.get("format") == Format.CSV else Format.NDJSON
    now, not_kept = _read(visit, sources)
    rows = (build_row(source, now, not_kept[source.number]) for source in sources)
    return Response(
        "".join(render_rows(rows, written)),
        media_type=MEDIA_TYPES[written],
        headers={"Content-Disposition": f'attachment; filename="ledger.{written}"'},
    )


def _read(visit: Visit, sources: Sequence[Source]) -> tuple[LedgerNow, Mapping[int, NotKept]]:
    async def read(spool: Spool) -> tuple[LedgerNow, Mapping[int, NotKept]]:
        now = await read_ledger(spool.log, spool.outcomes)
        return now, await read_tally(spool.log, [source.number for source in sources])

    return ask_spool(visit, read)


def show_ledger(visit: Visit) -> Response:
    """Source by source: what was accepted, and what became of it."""
    values = messages_values(visit, tab="ledger")
    sources: list[Source] = values["sources"]
    shown = chosen_of(visit, sources)[:_SOURCES]
    now, not_kept = _read(visit, shown)
    lines = [
        AccountLine(
            source=source,
            account=now.ledger.account(source.number),
            not_kept=not_kept[source.number],
        )
        for source in shown
    ]
    return render_page(
        visit,
        "messages_ledger.html",
        **values,
        lines=lines,
        more=max(0, len(chosen_of(visit, sources)) - _SOURCES),
        uncounted_groups=now.uncounted_groups,
    )


def show_dead(visit: Visit) -> Response:
    """Messages that will not be delivered by themselves, each with its reason."""
    values = messages_values(visit, tab="dead")
    sources = chosen_of(visit, values["sources"])
    after = visit.query.get("after", "")

    async def list_them(spool: Spool) -> list[StoredLetter]:
        return await list_letters(spool.outcomes, sources, after=after, limit=_LETTERS + 1)

    found = ask_spool(visit, list_them)
    next_page = ""
    if len(found) > _LETTERS:
        query = {"after": found[_LETTERS - 1].id, "source": values["chosen"]}
        next_page = f"{values['base']}/messages/dead?{urlencode(query)}"
    return render_page(
        visit,
        "messages_dead.html",
        **values,
        letters=[_describe(stored) for stored in found[:_LETTERS]],
        next_page=next_page,
        is_first=not after,
    )


def replay_dead(visit: Visit) -> Response:
    """Put one letter, or all of a source's, into the log again."""
    letter_id, source_id = visit.form.text("letter_id"), visit.form.text("source_id")
    sequence = 0
    if letter_id:
        source_id, sequence = parse_letter_id(letter_id)
    source = find_source(
        visit.place.store, visit.caller, source_id, Role.EDITOR, letter_id=letter_id
    )
    if source.workspace_id != visit.path["workspace_id"]:
        raise NotFound("source", source_id)

    async def replay(spool: Spool) -> Replayed:
        if not letter_id:
            return await replay_source(spool, source)
        await replay_letter(spool, await find_letter(spool.outcomes, source, sequence))
        return Replayed(replayed=1, kept=0, is_more=False)

    done = ask_spool(visit, replay)
    audit_replay(
        visit.place.store,
        visit.caller,
        source,
        subject=letter_id or source.id,
        replayed=done.replayed,
        now=visit.now,
    )
    flash = "letters-more" if done.is_more else "letters-kept" if done.kept else "letters-replayed"
    path = f"/workspaces/{source.workspace_id}/messages/dead?source={source.id}"
    return redirect(visit, path, flash=flash)


def messages_values(visit: Visit, *, tab: str) -> dict[str, Any]:
    """What the three pages about messages have in common."""
    values = workspace_values(visit, area="messages", at_top=True)
    sources = list_sources(visit.place.store, visit.caller, visit.path["workspace_id"])
    asked = visit.query.get("source", "")
    chosen = asked if any(source.id == asked for source in sources) else ""
    return values | {"tab": tab, "sources": sources, "chosen": chosen}


def chosen_of(visit: Visit, sources: Sequence[Source]) -> list[Source]:
    """The source that the page is about, or all of them."""
    asked = visit.query.get("source", "")
    return [source for source in sources if source.id == asked] or list(sources)


def ask_spool(visit: Visit, question: Callable[[Spool], Awaitable[Answer]]) -> Answer:
    """Ask the log something, in a loop of its own: pages run in a thread. Raises Unavailable."""

    async def ask() -> Answer:
        async with open_spool(visit.place.log_url) as spool:
            return await question(spool)

    return asyncio.run(ask())


def _describe(stored: StoredLetter) -> dict[str, Any]:
    letter = stored.letter
    return {
        "id": stored.id,
        "source": stored.source,
        "reason": letter.reason,
        "can_be_replayed": letter.can_be_replayed,
        "received_at": open_request(letter).received_at,
        "died_at": letter.died_at,
        "text": print_json(letter.message),
    }
