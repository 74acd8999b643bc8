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

from firstparty.snippets.catalogue import build_snippet, list_forms
from firstparty.snippets.facts import SnippetFacts
from firstparty.snippets.literals import Language, build_literal
from tests.fakes.cdn_rig import PACKAGES
from tests.fakes.tls_front import Front, running_front

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

GO = shutil.which("go") or ""
GO_MODULE = "github.com/segmentio/analytics-go/v3@v3.3.0"
GO_CACHE = (
    Path(subprocess.check_output([GO, "env", "GOMODCACHE"], text=True).strip()) if GO else Path()
)
GO_SDK = bool(GO) and (GO_CACHE / GO_MODULE).exists()
# The jars of com.segment.analytics.java:analytics and what it needs.
JAVA_SDK = Path(os.environ.get("FIRSTPARTY_JAVA_SDK", "/nowhere"))

EXACT = st.integers(-(2**53), 2**53)
JSON = st.recursive(
    st.none() | st.booleans() | EXACT | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@needs_node
@settings(max_examples=15)
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
        file = write_snippet("node", front, tmp_path / "snippet.mjs")
        await run(NODE, file, NODE_EXTRA_CA_CERTS=str(front.certificate))

        check_delivered("node", front)
        assert front.messages()[0]["writeKey"] == "WK1"


async def test_the_python_snippet_as_shown_delivers_its_event(tmp_path: Path) -> None:
    async with running_front(tmp_path, cdn=None) as front:
        file = write_snippet("python", front, tmp_path / "snippet.py")
        await run(sys.executable, file, REQUESTS_CA_BUNDLE=str(front.certificate))

        check_delivered("python", front)
        assert front.messages()[0]["writeKey"] == "WK1"


@pytest.mark.optional_toolchain
@pytest.mark.timeout(300)  # Go compiles its library once
@pytest.mark.skipif(not GO_SDK, reason=f"run: go mod download {GO_MODULE}")
async def test_the_go_snippet_as_shown_delivers_its_event(tmp_path: Path) -> None:
    module, _, version = GO_MODULE.partition("@")
    (tmp_path / "go.mod").write_text(f"module shop\n\ngo 1.21\n\nrequire {module} {version}\n")
    async with running_front(tmp_path, cdn=None) as front:
        write_snippet("go", front, tmp_path / "main.go")
        alone = {"GOPROXY": "off", "GOFLAGS": "-mod=mod", "GONOSUMDB": "*"}
        await run(GO, "vet", ".", folder=tmp_path, **alone)
        await run(GO, "run", ".", folder=tmp_path, SSL_CERT_FILE=str(front.certificate), **alone)

        check_delivered("go", front)


@pytest.mark.optional_toolchain
@pytest.mark.skipif(
    not JAVA_SDK.exists(),
    reason="FIRSTPARTY_JAVA_SDK names no folder of jars: see docs/snippets.md",
)
async def test_the_java_snippet_as_shown_delivers_its_event(tmp_path: Path) -> None:
    trusted = tmp_path / "trusted.p12"
    async with running_front(tmp_path, cdn=None) as front:
        await run(
            *("keytool", "-importcert", "-noprompt", "-storetype", "PKCS12"),
            *("-storepass", "changeit", "-keystore", str(trusted), "-file", str(front.certificate)),
        )
        file = write_snippet("java", front, tmp_path / "Main.java")
        trust = f"-Djavax.net.ssl.trustStore={trusted}"
        password = "-Djavax.net.ssl.trustStorePassword=changeit"
        await run("java", trust, password, "-cp", f"{JAVA_SDK}/*", file)

        check_delivered("java", front)


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
async def test_the_curl_snippet_as_shown_delivers_its_event(tmp_path: Path) -> None:
    async with running_front(tmp_path, cdn=None) as front:
        file = write_snippet("curl", front, tmp_path / "snippet.sh")
        await run("sh", file, CURL_CA_BUNDLE=str(front.certificate))

        [message] = front.messages()
        assert message["event"] == "Order Completed"
        assert front.seen[0].path == list_forms()["curl"].path


def write_snippet(form: str, front: Front, file: Path) -> str:
    """The form's code as it is shown, for the front as the API host."""
    facts = SnippetFacts(
        write_key="WK1", cdn_host="evs", api_host="localhost", alias="a/b", https_port=front.port
    )
    file.write_text(build_snippet(form, facts))
    return str(file)


def check_delivered(form: str, front: Front) -> None:
    [batch] = front.messages()
    assert [one.path for one in front.seen] == [list_forms()[form].path]
    assert [message["event"] for message in batch["batch"]] == ["Order Completed"]


async def run(*command: str, folder: Path | None = None, **environment: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=os.environ | environment, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(120):
        _, said = await process.communicate()

    assert process.returncode == 0, said.decode()
