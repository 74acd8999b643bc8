"""SDKs through the HTTPS edge while the upstream is away: all six types, ids exact.

Real SDKs where this machine can run them, recorded requests of others byte for byte, and for the
rest requests built from what is known of them. Each gets its 200 during the outage, so none tries
again; each of its messages arrives afterwards, once.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Final

import pytest

from tests.running import REPOSITORY, RunningDemo, trusting, until
from tests.sdk import built, installed

SDK: Final = Path(__file__).parents[1] / "sdk"
RECORDINGS: Final = Path(__file__).parents[1] / "recordings"
TYPES: Final = {"identify", "track", "page", "screen", "group", "alias"}
Send = Callable[[RunningDemo, str], list[str]]


def run(demo: RunningDemo, command: list[str], **environment: str) -> list[str]:
    """The ids that a program says it sent."""
    trust = {
        "SSL_CERT_FILE": demo.ca,
        "REQUESTS_CA_BUNDLE": demo.ca,
        "NODE_EXTRA_CA_CERTS": demo.ca,
    }
    done = subprocess.run(
        command,
        env={**os.environ, **trust, **environment},
        cwd=REPOSITORY,
        capture_output=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    ids: list[str] = json.loads(done.stdout)
    return ids


def python(encoding: str) -> Send:
    def send(demo: RunningDemo, write_key: str) -> list[str]:
        program = str(SDK / "python_client.py")
        return run(demo, [sys.executable, program, write_key, demo.api_origin, encoding])

    return send


def old_python(demo: RunningDemo, write_key: str) -> list[str]:
    program = str(SDK / "python_client.py")
    command = [sys.executable, program, write_key, demo.api_origin, "plain"]
    return run(demo, command, PYTHONPATH=str(installed.install_old_python()))


def node(demo: RunningDemo, write_key: str) -> list[str]:
    version = subprocess.run(["node", "--version"], capture_output=True, check=True).stdout
    if int(version.decode().lstrip("v").partition(".")[0]) < 20:
        pytest.skip(f"the Node SDK needs Node 20; this is {version.decode().strip()}")
    command = [str(shutil.which("node")), str(SDK / "node_client.cjs"), write_key, demo.api_origin]
    return run(demo, command, NODE_PATH=str(REPOSITORY / "node_modules"))


def node6(demo: RunningDemo, write_key: str) -> list[str]:
    program = str(SDK / "node6_client.cjs")
    command = [str(shutil.which("node")), program, write_key, demo.api_origin]
    return run(demo, command, NODE_PATH=str(installed.install_node6()))


def go(demo: RunningDemo, write_key: str) -> list[str]:
    return run(demo, [str(installed.build_go()), write_key, demo.api_origin])


def java(demo: RunningDemo, write_key: str) -> list[str]:
    classes, program = installed.find_java_classes(), str(SDK / "java" / "Client.java")
    return run(demo, ["java", "-cp", classes, program, write_key, demo.api_origin])


def replay(name: str) -> Send:
    def send(demo: RunningDemo, write_key: str) -> list[str]:
        lines = (RECORDINGS / f"{name}.ndjson").read_text().splitlines()
        requests = [built.build_replay(json.loads(line), write_key, host(demo)) for line in lines]
        assert post(demo, (request for request, _ in requests)) == ['{"success": true}'] * len(
            lines
        )
        return [one for _, ids in requests for one in ids]

    return send


def batch(name: str) -> Send:
    def send(demo: RunningDemo, write_key: str) -> list[str]:
        request, ids = built.build_batch(built.BATCHES[name], write_key, host(demo))
        assert post(demo, [request]) == ['{"success": true}']
        return ids

    return send


def singles(demo: RunningDemo, write_key: str) -> list[str]:
    requests = list(built.build_singles(write_key, host(demo)))
    assert post(demo, (request for request, _ in requests)) == ['{"success": true}'] * 6
    return [identifier for _, identifier in requests]


def pixels(demo: RunningDemo, write_key: str) -> list[str]:
    requests = list(built.build_pixels(write_key, host(demo)))
    assert all(body.startswith("GIF89a") for body in post(demo, (one for one, _ in requests)))
    return [identifier for _, identifier in requests]


def host(demo: RunningDemo) -> str:
    return f"{demo.domain['api_host']}:{demo.https_port}"


def post(demo: RunningDemo, requests: Iterable[bytes]) -> list[str]:
    """The bodies of the answers, all 200, to requests sent over one connection."""
    bodies = []
    raw = socket.create_connection(("127.0.0.1", demo.https_port), timeout=20)
    with trusting(demo.ca).wrap_socket(raw, server_hostname=demo.domain["api_host"]) as connection:
        stream = connection.makefile("rwb")
        for request in requests:
            stream.write(request)
            stream.flush()
            assert stream.readline().startswith(b"HTTP/1.1 200 ")
            lines = iter(stream.readline, b"\r\n")
            headers = dict(line.decode().lower().strip().split(": ", 1) for line in lines)
            bodies.append(stream.read(int(headers["content-length"])).decode("latin-1"))
    return bodies


SENDERS: Final[dict[str, Send]] = {
    "python": python("plain"),
    "python-gzip": python("gzip"),
    "python-2.3.4": old_python,
    "node": node,
    "node-6": node6,
    "go": go,
    "java": java,
    "recorded-php": replay("php-3.8.2"),
    "recorded-php-gzip": replay("php-3.8.2-gzip"),
    "recorded-ruby": replay("ruby-2.5.0"),
    "recorded-node-6": replay("analytics-node-6.2.0"),
    **{f"built-{name}": batch(name) for name in built.BATCHES},
    "built-curl": singles,
    "built-pixel": pixels,
}
OTHERS: Final = {"python-2.3.4", "node", "node-6", "go", "java"}  # what a machine may lack


@pytest.fixture(scope="module")
def outage(demo: RunningDemo) -> dict[str, "Future[list[str]]"]:
    """What every SDK sent while the upstream was away; it is back now."""
    write_key = demo.source("python")["write_key"]
    demo.control_upstream("down")
    try:
        with ThreadPoolExecutor(3) as pool:
            sent = {name: pool.submit(send, demo, write_key) for name, send in SENDERS.items()}
            wait(sent.values())
    finally:
        demo.control_upstream("ok")
    return sent


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.optional_toolchain) if name in OTHERS else name
        for name in SENDERS
    ],
)
def test_all_that_an_sdk_sends_during_an_outage_arrives_once(
    demo: RunningDemo, outage: dict[str, "Future[list[str]]"], name: str
) -> None:
    ids = outage[name].result()
    until(lambda: set(ids) <= demo.received_ids(), seconds=60)
    lines = [line for line in demo.received() if line["message"]["messageId"] in ids]

    assert sorted(line["message"]["messageId"] for line in lines) == sorted(ids)
    assert {line["message"]["type"] for line in lines} == TYPES
    assert {line["write_key"] for line in lines} == {demo.source("python")["write_key"]}
