import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from firstparty.snippets.catalogue import build_snippet
from firstparty.snippets.facts import SnippetFacts
from firstparty.snippets.literals import Language, build_literal
from tests.fakes.cdn_rig import PACKAGES
from tests.fakes.tls_front import running_front

NODE = shutil.which("node") or ""
NODE_VERSION = (
    int(subprocess.check_output([NODE, "--version"], text=True).lstrip("v").partition(".")[0])
    if NODE
    else 0
)
needs_node = pytest.mark.skipif(not NODE, reason="node is not installed: run make setup")
needs_node_sdk = pytest.mark.skipif(
    NODE_VERSION < 20 or not (PACKAGES / "@segment" / "analytics-node").exists(),
    reason="@segment/analytics-node 3 needs Node.js 20 and npm ci",
)

EXACT = st.integers(-(2**53), 2**53)
JSON = st.recursive(
    st.none() | st.booleans() | EXACT | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@needs_node
@settings(max_examples=15, deadline=None)
@given(st.lists(JSON, min_size=20, max_size=60))
@example([{"__proto__": None}, {"a": {"__proto__": '"__proto__": 1'}}])
def test_node_reads_every_literal_as_the_value_it_was(values: list[object]) -> None:
    literals = ",".join(build_literal(Language.HTML, value) for value in values)
    script = f"process.stdout.write(JSON.stringify([{literals}]))"
    read = subprocess.run([NODE, "-"], input=script.encode(), capture_output=True, check=True)

    assert json.loads(read.stdout) == values


@needs_node_sdk
async def test_the_node_snippet_as_shown_delivers_its_event(tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(PACKAGES)
    async with running_front(tmp_path, cdn=None) as front:
        facts = SnippetFacts(
            write_key="WK1",
            cdn_host="evs",
            api_host="localhost",
            alias="a/b",
            https_port=front.port,
        )
        file = tmp_path / "snippet.mjs"
        file.write_text(build_snippet("node", facts))
        await run(NODE, str(file), NODE_EXTRA_CA_CERTS=str(front.certificate))

        [batch] = front.messages()
        assert front.seen[0].path == "/v1/batch"
        assert [message["event"] for message in batch["batch"]] == ["Order Completed"]
        assert batch["writeKey"] == "WK1"


async def test_the_python_snippet_as_shown_delivers_its_event(tmp_path: Path) -> None:
    async with running_front(tmp_path, cdn=None) as front:
        facts = SnippetFacts(
            write_key="WK1",
            cdn_host="evs",
            api_host="localhost",
            alias="a/b",
            https_port=front.port,
        )
        file = tmp_path / "snippet.py"
        file.write_text(build_snippet("python", facts))
        await run(sys.executable, str(file), REQUESTS_CA_BUNDLE=str(front.certificate))

        [batch] = front.messages()
        assert front.seen[0].path == "/v1/batch"
        assert [message["event"] for message in batch["batch"]] == ["Order Completed"]
        assert batch["writeKey"] == "WK1"


async def run(*command: str, **environment: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, env=os.environ | environment, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        _, said = await process.communicate()

    assert process.returncode == 0, said.decode()
