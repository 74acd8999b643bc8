"""``firstparty proxy check`` as a process of its own, before real proxies; no running product."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fakes.broken_proxy import FAULTS, Fault, nothing_wrong, run_proxy
from tests.fakes.proxied_origin import WRITE_KEY, Origin
from tests.fakes.throwaway_ca import ThrowawayCa


async def run(*arguments: str) -> tuple[int, str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FIRSTPARTY_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "firstparty", "proxy", "check", *arguments),
        env=environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    text = output.decode()

    assert "Traceback" not in text
    assert process.returncode is not None
    return process.returncode, text


@asynccontextmanager
async def proxy(folder: Path, fault: Fault) -> AsyncIterator[tuple[str, ...]]:
    """The command line for a running proxy."""
    ca = ThrowawayCa(folder)
    async with run_proxy(fault, ca.context(ca.leaf()), Origin()) as port:
        address = f"https://localhost:{port}"
        options = ("--ca", str(ca.file), "--allow-private", "--write-key", WRITE_KEY)
        # A busy machine is no finding.
        yield (address, "--api", f"{address}/v1", "--within", "60", *options)


@pytest.mark.parametrize(
    ("fault", "code", "word"),
    [(None, 0, "pass"), ("Authorization dropped", 1, "fail"), ("cookies", 2, "warn")],
)
async def test_the_exit_code_and_the_document_tell_how_the_proxy_is(
    tmp_path: Path, fault: str | None, code: int, word: str
) -> None:
    chosen = nothing_wrong if fault is None else FAULTS[fault][1]()
    async with proxy(tmp_path, chosen) as arguments:
        exit_code, text = await run(*arguments, "--json")
    document = json.loads(text)

    assert (exit_code, document["status"]) == (code, word)
    assert {one["check"] for one in document["results"]} > {"cdn.dns", "api.message"}


async def test_a_person_reads_cause_fix_and_evidence(tmp_path: Path) -> None:
    async with proxy(tmp_path, FAULTS["CloudFront sends Host on"][1]()) as arguments:
        code, text = await run(*arguments)

    assert code == 1
    assert "cloudfront-host" in text
    assert "fix: Behaviors > Edit" in text
    assert "asked: " in text
    assert "got: 403" in text
    assert WRITE_KEY not in text


@pytest.mark.parametrize("provider", ["cloudflare", "cloudflare-worker"])
async def test_a_provider_goes_by_its_generators_name_too(tmp_path: Path, provider: str) -> None:
    async with proxy(tmp_path, FAULTS["Authorization dropped"][1]()) as arguments:
        code, text = await run(*arguments, "--provider", provider)

    assert (code, "authorization-dropped" in text) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("http://cdn.shop.test",), "not an address"),
        (("https://127.1",), "IPv4"),
        (("https://cdn.shop.test/?x",), "not an address"),
        (("https://cdn.shop.test:99999",), "ort"),
        (("https://cdn.shop.test", "--api", "https://"), "--api"),
        (("https://cdn.shop.test", "--write-key", "a b"), "--write-key"),
        (("https://cdn.shop.test", "--provider", "abacus"), "cloudfront"),
        (("https://cdn.shop.test", "--ca", "nowhere.pem"), "nowhere.pem"),
        (("https://cdn.shop.test", "--within", "0"), "--within"),
        (("https://cdn.shop.test", "--source", "s", "--write-key", "k"), "--source"),
        ((), "URL"),
    ],
)
async def test_a_wrong_command_line_is_64_with_the_reason(
    arguments: tuple[str, ...], told: str
) -> None:
    code, text = await run(*arguments)

    assert (code, told in text) == (64, True), text
