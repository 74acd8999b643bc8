"""What the REST API and the command line tell of messages: real log, forwarder and upstream."""

import asyncio
import csv
import json
import os
import random
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy import select

from firstparty.config.settings import Settings, SpoolSettings
from firstparty.events.ledger import read_ledger
from firstparty.model.workspaces import Role
from firstparty.spool.outcomes import Outcomes
from firstparty.store import tables
from tests.events_rig import Workspace, run
from tests.forwarding import Forwarding, OutsideUpstream, first_sightings
from tests.served import Served, serve_api


@pytest.fixture
async def forwarding(tmp_path: Path) -> AsyncIterator[Forwarding]:
    forwarding = Forwarding(tmp_path)
    await forwarding.start()
    yield forwarding
    await forwarding.stop()


@pytest.fixture
def served(forwarding: Forwarding, tmp_path: Path) -> Iterator[Served]:
    directory = tmp_path / "api"
    directory.mkdir()
    with serve_api(directory, Settings(spool=SpoolSettings(url=forwarding.nats.url))) as served:
        yield served


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def test_the_ledger_is_exact_before_any_forwarder_ever_ran(
    forwarding: Forwarding, served: Served
) -> None:
    workspace = Workspace(served, 2)
    await forwarding.append((1, 3), (2, 4))
    await forwarding.append((1, 5))

    assert [(one["accepted"], one["waiting"]) for one in await workspace.ledger()] == [
        (8, 8),
        (4, 4),
    ]


async def test_the_ledger_is_exact_whenever_the_forwarder_is_killed(
    forwarding: Forwarding, served: Served, stack: AsyncExitStack, tmp_path: Path
) -> None:
    upstream = OutsideUpstream(tmp_path / "a.ndjson")
    await stack.enter_async_context(upstream.running())
    workspace = Workspace(served, 2)
    forwarding.publish(1, upstream.url)
    forwarding.publish(2, "http://127.0.0.1:1")  # nobody is there: all of it waits
    chance = random.Random(7)
    for _ in range(4):
        process = await forwarding.spawn()
        for _ in range(30):
            await forwarding.append((1, chance.randrange(1, 60)), (2, chance.randrange(1, 9)))
            accounts = await workspace.ledger()
            assert [one["accepted"] for one in accounts] == [
                len(forwarding.appended[number]) for number in (1, 2)
            ]
        await forwarding.kill(process)
        taken = len(set(upstream.ids()))
        one, two = await workspace.ledger()
        assert one["delivered"] <= taken <= one["accepted"]
        assert two["waiting"] == len(forwarding.appended[2])
    await forwarding.spawn()
    await forwarding.settled(1)

    one, _ = await workspace.ledger()
    assert one["delivered"] == len(forwarding.appended[1]) == len(set(upstream.ids()))
    assert first_sightings(upstream.ids()) == forwarding.appended[1]


async def test_the_ledger_is_the_same_read_by_whoever_reads(forwarding: Forwarding) -> None:
    await forwarding.append((1, 3), (2, 4))
    now = await read_ledger(forwarding.log, Outcomes(forwarding.log))

    assert now.ledger.account(1).waiting == 3
    assert (await forwarding.waiting_in_log())[2] == now.ledger.account(2).waiting


async def test_a_dead_letter_is_listed_replayed_and_counted(
    forwarding: Forwarding, served: Served, stack: AsyncExitStack, tmp_path: Path
) -> None:
    upstream = OutsideUpstream(tmp_path / "a.ndjson", refuses="s1-000001")
    await stack.enter_async_context(upstream.running())
    workspace = Workspace(served, 1)
    forwarding.publish(1, upstream.url)
    await forwarding.append((1, 4))
    await forwarding.spawn()
    await forwarding.settled(1)
    listed = (await workspace.ask("GET", "/events/dead")).json()
    upstream.refuses = "nothing any more"
    (letter,) = listed["items"]
    done = await workspace.ask("POST", f"/events/dead/{letter['id']}/replay")
    async with asyncio.timeout(30):
        while "s1-000001" not in upstream.ids():
            await asyncio.sleep(0.05)
        while (account := (await workspace.ledger())[0])["waiting"]:
            await asyncio.sleep(0.05)

    assert listed["next"] is None
    assert letter["reason"].startswith("refused upstream: 400")
    assert json.loads(letter["message"])["messageId"] == "s1-000001"
    assert done.json() == {"replayed": 1, "kept": 0, "is_more": False}
    assert sorted(upstream.ids()) == forwarding.appended[1]
    assert (account["accepted"], account["delivered"], account["dead"], account["replayed"]) == (
        4,
        4,
        1,
        1,
    )
    assert (await workspace.ask("GET", "/events/dead")).json()["items"] == []
    again = await workspace.ask("POST", f"/events/dead/{letter['id']}/replay")
    assert again.status_code == 404
    with served.store.read() as connection:
        audited = connection.execute(
            select(tables.audit.c.subject).where(tables.audit.c.action == "letters.replayed")
        ).all()
    assert [row.subject for row in audited] == [letter["id"]]


async def test_letters_of_many_sources_come_page_by_page_and_go_back_together(
    forwarding: Forwarding, served: Served, stack: AsyncExitStack, tmp_path: Path
) -> None:
    upstream = OutsideUpstream(tmp_path / "a.ndjson", refuses="messageId")
    await stack.enter_async_context(upstream.running())
    workspace = Workspace(served, 2)
    for number in (1, 2):
        forwarding.publish(number, upstream.url)
    await forwarding.append((1, 5), (2, 5))
    await forwarding.spawn()
    await forwarding.settled(1, 2)
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page = (
            await workspace.ask("GET", "/events/dead", params={"after": after, "limit": 3})
        ).json()
        seen += [json.loads(one["message"])["messageId"] for one in page["items"]]
        after = page["next"]
    body = {"source_id": workspace.sources[1]}
    done = (await workspace.ask("POST", "/events/dead/replay", json=body)).json()
    async with asyncio.timeout(30):
        while (accounts := await workspace.ledger())[1]["dead"] != 10:
            await asyncio.sleep(0.05)

    assert seen == forwarding.appended[1] + forwarding.appended[2]
    assert done == {"replayed": 5, "kept": 0, "is_more": False}
    assert [(one["accepted"], one["dead"], one["replayed"]) for one in accounts] == [
        (5, 5, 0),
        (5, 10, 5),
    ]


async def test_a_viewer_may_look_and_not_replay_and_a_stranger_sees_nothing(
    forwarding: Forwarding, served: Served
) -> None:
    del forwarding
    workspace, other = Workspace(served, 1, Role.VIEWER), Workspace(served, 1)
    letter = f"{workspace.sources[0]}.1"
    body = {"source_id": workspace.sources[0]}

    assert (await workspace.ask("GET", "/events/dead")).json() == {"items": [], "next": None}
    for path, sent in ((f"/events/dead/{letter}/replay", None), ("/events/dead/replay", body)):
        assert (await workspace.ask("POST", path, json=sent)).status_code == 403
        assert (await other.ask("POST", path, json=sent)).status_code == 404
    for path in ("ledger", "dead"):
        query = {"source": workspace.sources[0]}
        assert (await other.ask("GET", f"/events/{path}", params=query)).status_code == 404


@pytest.mark.parametrize("letter", ["x", "src_a.-1", "src_a.9" * 20, "src_a.1", "%00.1"])
async def test_a_letter_that_cannot_be_is_not_found(
    forwarding: Forwarding, served: Served, letter: str
) -> None:
    del forwarding
    workspace = Workspace(served, 1)
    answer = await workspace.ask("POST", f"/events/dead/{letter}/replay")

    assert answer.status_code in {400, 404}


@pytest.mark.parametrize("written", ["ndjson", "csv"])
async def test_the_ledger_as_a_file_says_what_it_says_as_an_answer(
    forwarding: Forwarding, served: Served, written: str
) -> None:
    workspace = Workspace(served, 3)
    await forwarding.append((1, 3), (2, 70))
    said = await workspace.ledger()
    answer = await workspace.ask("GET", "/events/ledger/export", params={"format": written})
    one = await workspace.ask(
        "GET", "/events/ledger/export", params={"source": workspace.sources[1]}
    )
    wrong = await workspace.ask("GET", "/events/ledger/export", params={"format": "xls"})
    lines = answer.text.splitlines()
    rows = csv.DictReader(lines) if written == "csv" else map(json.loads, lines)

    assert [{k: str(v) for k, v in row.items()} for row in rows] == [
        {k: str(v) for k, v in row.items()} for row in said
    ]
    assert answer.headers["content-disposition"] == f'attachment; filename="ledger.{written}"'
    assert [json.loads(line)["accepted"] for line in one.text.splitlines()] == [70]
    assert wrong.status_code == 422


async def test_the_spool_away_is_503_with_retry_after(
    forwarding: Forwarding, served: Served
) -> None:
    workspace = Workspace(served, 1)
    await forwarding.nats.kill()
    answer = await workspace.ask("GET", "/events/ledger")
    await forwarding.nats.start()

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


async def test_a_watched_ledger_is_shown_again_when_it_changes(
    forwarding: Forwarding, served: Served
) -> None:
    workspace = Workspace(served, 1)
    await forwarding.append((1, 3))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "firstparty", "events", "ledger", "--watch", "--json"),
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "FIRSTPARTY_URL": served.url,
            "FIRSTPARTY_TOKEN": workspace.token,
        },
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            first = json.loads(await process.stdout.readline())
            await forwarding.append((1, 4))
            second = json.loads(await process.stdout.readline())
    finally:
        process.terminate()
        await process.wait()

    assert [one["accepted"] for one in first] == [3]
    assert [one["accepted"] for one in second] == [7]


async def test_the_command_line_shows_exports_and_replays(
    forwarding: Forwarding, served: Served, stack: AsyncExitStack, tmp_path: Path
) -> None:
    upstream = OutsideUpstream(tmp_path / "a.ndjson", refuses="s1-000001")
    await stack.enter_async_context(upstream.running())
    workspace = Workspace(served, 1)
    source = workspace.sources[0]
    forwarding.publish(1, upstream.url)
    await forwarding.append((1, 1_200))
    await forwarding.spawn()
    await forwarding.settled(1)
    table = await run(workspace, "ledger")
    rows = list(csv.DictReader((await run(workspace, "ledger", "--format", "csv")).splitlines()))
    file = tmp_path / "dead.ndjson"
    await run(workspace, "dead", "--export", str(file))
    letter = json.loads(file.read_text())
    listed = await run(workspace, "dead", "--source", source)
    told = await run(workspace, "replay", "--source", source)

    assert "1,200" in table
    assert "1,199" in table
    assert [(row["accepted"], row["delivered"], row["dead"]) for row in rows] == [
        ("1200", "1199", "1")
    ]
    assert letter["id"] in listed
    assert json.loads(letter["message"])["messageId"] == "s1-000001"
    assert told == "1 replayed.\n"
