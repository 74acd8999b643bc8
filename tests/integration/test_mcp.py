"""The MCP server as a process of its own, asked by the official client, against the real API."""

import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import StdioServerParameters
from mcp.client.client import Client

from firstparty.model.workspaces import Role
from tests.served import Served, serve_api

WRITES = {"add_domain", "check_domain", "pause_domain", "resume_domain", "replay_dead_letters"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve_api(Path(tmp_path_factory.mktemp("api"))) as served:
        yield served


@asynccontextmanager
async def assistant(
    served: Served, *options: str, bearer: str | None = None
) -> AsyncIterator[Client]:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "FIRSTPARTY_URL": served.url,
        "FIRSTPARTY_TOKEN": bearer or served.bearer,
    }
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "firstparty", "mcp", *options], env=environment
    )
    async with Client(server) as client:
        yield client


async def ask(client: Client, tool: str, **arguments: Any) -> Any:
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, answer.content
    content = answer.structured_content
    assert content is not None
    return content["result"] if set(content) == {"result"} else content


def prepare(served: Served, name: str) -> tuple[str, str, str]:
    with served.call() as call:
        home = call.post("/workspaces", json={"name": "Shop"}).json()["id"]
        web = {"workspace_id": home, "name": "Web", "type": "javascript"}
        source = call.post("/sources", json=web).json()["id"]
        asked = {"workspace_id": home, "name": name, "source_ids": [source]}
        domain = call.post("/domains", json=asked).json()["id"]
    return home, source, domain


async def test_it_offers_nothing_that_writes_unless_told(served: Served) -> None:
    async with assistant(served) as client:
        offered = (await client.list_tools()).tools
        refused = await client.call_tool("pause_domain", {"domain_id": "dom_x"})
    async with assistant(served, "--write") as client:
        with_writing = {tool.name for tool in (await client.list_tools()).tools}

    assert not {tool.name for tool in offered} & WRITES
    assert all(tool.annotations and tool.annotations.read_only_hint for tool in offered)
    assert all(tool.description for tool in offered)
    assert refused.is_error
    assert with_writing == {tool.name for tool in offered} | WRITES


async def test_an_assistant_finds_a_domain_and_looks_at_everything(served: Served) -> None:
    home, _, domain = prepare(served, "cdp.mcp.com")
    async with assistant(served) as client:
        [found] = await ask(client, "list_domains", workspace=home, part="mcp")
        shown = await ask(client, "show_domain", domain_id=domain)
        examined = await ask(client, "examine_domain", domain_id=domain)

    assert found["id"] == shown["id"] == domain
    assert len(shown["records"]) == 2
    assert examined[-1] == {"status": "pass"}


async def test_an_assistant_that_may_write_does(served: Served) -> None:
    _, _, domain = prepare(served, "cdp.write.com")
    async with assistant(served, "--write") as client:
        paused = await ask(client, "pause_domain", domain_id=domain)

    assert paused["status"] == "paused"


async def test_it_does_no_more_than_its_token_may(served: Served) -> None:
    home, _, domain = prepare(served, "cdp.token.com")
    bearer = served.token(Role.VIEWER, home)
    async with assistant(served, "--write", bearer=bearer) as client:
        refused = await client.call_tool("pause_domain", {"domain_id": domain})
        foreign = await client.call_tool("show_domain", {"domain_id": "dom_of_others"})

    assert refused.is_error
    assert "role editor" in json.dumps([one.model_dump() for one in refused.content])
    assert "There is no domain" in json.dumps([one.model_dump() for one in foreign.content])
