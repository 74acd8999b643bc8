"""``firstparty serve`` as an operator starts it: refusals in one line, one role alone."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import pytest

from tests.running import until


def _write_config(folder: Path, text: str = "") -> Path:
    file = folder / "firstparty.toml"
    file.write_text(text)
    return file


def _serve(config: Path, *roles: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "firstparty", "serve", "--config", str(config), *roles],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "XDG_CONFIG_HOME": str(config.parent / "home")},
    )


@contextmanager
def _held_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as held:
        yield held.getsockname()[1]


def _free_port() -> int:
    with _held_port() as port:
        return port


@pytest.mark.parametrize(
    ("table", "key", "role"),
    [
        ("nameserver", "listen", "nameserver"),
        ("console", "listen", "control"),
        ("spool", "listen", "nats"),
        ("edge", "https", "envoy"),
    ],
)
def test_a_port_in_use_is_named_with_its_setting(
    tmp_path: Path, table: str, key: str, role: str
) -> None:
    with _held_port() as port:
        config = _write_config(tmp_path, f'[{table}]\n{key} = "127.0.0.1:{port}"\n')
        told = _serve(config, role)

    assert told.returncode == 1
    assert told.stderr.strip() == (
        f"firstparty: {table}.{key}: 127.0.0.1:{port} is in use by another process; "
        f"set {table}.{key} to a free port"
    )


def test_a_broken_file_stops_the_start_in_one_line(tmp_path: Path) -> None:
    told = _serve(_write_config(tmp_path, "[edge]\nhttps = 443\n"))

    assert told.returncode == 1
    assert told.stderr.strip() == (
        f"firstparty: {tmp_path}/firstparty.toml: edge.https: Expected `str`, got `int`"
    )


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    told = _serve(tmp_path / "absent.toml")

    assert told.returncode == 1
    assert "absent.toml: No such file or directory" in told.stderr


def test_an_unknown_role_is_a_usage_error(tmp_path: Path) -> None:
    told = _serve(_write_config(tmp_path), "nameservr")

    assert told.returncode == 64
    assert "There is no role nameservr" in told.stderr


def test_a_role_that_runs_already_in_this_state_is_not_started_twice(tmp_path: Path) -> None:
    config = _write_config(tmp_path, f'[nameserver]\nlisten = "127.0.0.1:{_free_port()}"\n')
    with (tmp_path / "out").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "firstparty", "serve", "--config", str(config), "nameserver"],
            stderr=output,
        )
    try:
        until(lambda: "serve.started" in (tmp_path / "out").read_text())
        told = _serve(config, "nameserver")
    finally:
        process.terminate()
        process.wait(60)

    assert told.returncode == 1
    assert told.stderr.strip() == (
        f"firstparty: state: nameserver of {tmp_path}/state is run by process {process.pid} already"
    )


def test_one_role_runs_alone_is_restarted_and_ends_when_told(tmp_path: Path) -> None:
    port = _free_port()
    config = _write_config(tmp_path, f'[nameserver]\nlisten = "127.0.0.1:{port}"\n')
    with (tmp_path / "out").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "firstparty", "serve", "--config", str(config), "nameserver"],
            stderr=output,
        )
    try:
        until(lambda: _refuses_foreign_names(port))
        os.kill(_last_pid(tmp_path / "out"), signal.SIGKILL)
        until(lambda: (tmp_path / "out").read_text().count("process.started") == 2)
        until(lambda: _refuses_foreign_names(port))
    finally:
        process.terminate()

    assert process.wait(60) == 0


def _refuses_foreign_names(port: int) -> bool:
    try:
        answer = dns.query.udp(
            dns.message.make_query("www.example.com", "A"), "127.0.0.1", port=port, timeout=1
        )
    except (dns.exception.Timeout, OSError):
        return False
    return answer.rcode() == dns.rcode.REFUSED


def _last_pid(output: Path) -> int:
    events = [json.loads(line) for line in output.read_text().splitlines()]
    return int([one for one in events if one["event"] == "process.started"][-1]["pid"])
