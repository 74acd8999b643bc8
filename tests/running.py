"""A running demo for tests: started as a user would, found by its demo.json."""

import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

T = TypeVar("T")
REPOSITORY = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningDemo:
    """A demo that has told its story and stays up."""

    state: Path
    process: subprocess.Popen[bytes]

    @property
    def report(self) -> dict[str, Any]:
        """demo.json as it is now."""
        report: dict[str, Any] = json.loads((self.state / "demo.json").read_text())
        return report

    @property
    def domain(self) -> dict[str, Any]:
        domain: dict[str, Any] = self.report["domains"][0]
        return domain

    def source(self, type_: str) -> dict[str, Any]:
        source: dict[str, Any] = next(one for one in self.domain["sources"] if one["type"] == type_)
        return source

    @property
    def https_port(self) -> int:
        return int(self.report["edge"]["https"].rpartition(":")[2])

    @property
    def api_origin(self) -> str:
        return f"https://{self.domain['api_host']}:{self.https_port}"

    @property
    def cdn_origin(self) -> str:
        return f"https://{self.domain['cdn_host']}:{self.https_port}"

    @property
    def ca(self) -> str:
        ca: str = self.report["edge"]["ca"]
        return ca

    def received(self) -> list[dict[str, Any]]:
        """What the upstream has taken so far."""
        file = Path(self.report["upstream"]["received"])
        return [json.loads(line) for line in file.read_text().splitlines()]

    def received_ids(self) -> set[str]:
        return {line["message"].get("messageId", "") for line in self.received()}

    def rest(self) -> httpx.Client:
        """A client of the REST API, as the demo's operator."""
        console = self.report["console"]
        return httpx.Client(
            base_url=console["url"], headers={"authorization": f"Bearer {console['token']}"}
        )

    def control_upstream(self, mode: str) -> None:
        answer = httpx.post(f"{self.report['upstream']['url']}/_control", json={"mode": mode})
        answer.raise_for_status()

    def request(
        self, method: str, url: str, *, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> httpx.Response:
        """One request through the HTTPS edge, over a connection of its own."""
        target = httpx.URL(url)
        with httpx.Client(verify=trusting(self.ca)) as client:
            return client.request(
                method,
                target.copy_with(host="127.0.0.1"),
                headers={"host": f"{target.host}:{target.port}", **(headers or {})},
                content=body,
                extensions={"sni_hostname": target.host},
            )


def find_files_with(folder: Path, text: str) -> list[Path]:
    """The files below ``folder`` that have this text; one that goes away meanwhile has not."""
    found = []
    for file in folder.rglob("*"):
        with suppress(FileNotFoundError):
            if file.is_file() and text.encode() in file.read_bytes():
                found.append(file)
    return found


def trusting(ca: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca)


def until(look: Callable[[], T], *, seconds: float = 60.0) -> T:
    """The first true answer of ``look``; fails the test when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"did not come true in {seconds} s: {look}"
        time.sleep(0.05)
    return seen


@contextmanager
def running_demo(state: Path, *options: str) -> Iterator[RunningDemo]:
    """``firstparty demo`` until its story is told; ended by Ctrl-C's signal."""
    output = state.with_suffix(".out")
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "firstparty", "demo", "--state", str(state), *options],
            stdout=stream,
            stderr=stream,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        try:
            until(
                lambda: process.poll() is not None or b"Look around" in output.read_bytes(),
                seconds=90,
            )
            assert process.poll() is None, output.read_text()
            yield RunningDemo(state=state, process=process)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
