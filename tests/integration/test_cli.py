"""Commands for domains, and what all commands do: exit codes, sentences, completion."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from firstparty.model.status import (
    CertificateStatus,
    DnsStatus,
    EdgeStatus,
    ProbeStatus,
    Statuses,
)
from tests import shells
from tests.shells import Shell

shell, source = shells.shell, shells.source
LIVE = Statuses(
    dns=DnsStatus.SERVING,
    certificate=CertificateStatus.VALID,
    edge=EdgeStatus.PUBLISHED,
    probe=ProbeStatus.PASSED,
    has_been_live=True,
)


def test_a_domain_from_asking_to_removal(shell: Shell, source: str) -> None:
    asked = shell.run("domains", "add", "cdp.shop.com", "--source", source)
    domain = shell.json("domains", "show", "CDP.shop.com.")
    lines = [
        f"{record['name']} {record['ttl']} IN {record['type']} {record['value']}"
        for record in domain["records"]
    ]

    assert len(lines) == 2
    assert all(line in asked for line in lines)
    assert domain["id"] in shell.run("domains", "list")
    assert shell.json("domains", "list") == [domain]
    assert shell.json("domains", "check", "cdp.shop.com")["status"] == "waiting"
    assert shell.json("domains", "pause", domain["id"])["status"] == "paused"
    assert "resume it" in shell.run("domains", "check", domain["id"], code=1)
    assert shell.json("domains", "resume", domain["id"])["status"] == "waiting"
    assert "Delete these records" in shell.run("domains", "remove", "cdp.shop.com")
    assert "firstparty domains add" in shell.run("domains", "list")
    assert "There is no domain" in shell.run("domains", "show", "cdp.shop.com", code=1)


@pytest.mark.parametrize(
    ("changes", "word", "code"),
    [
        ({}, "live", 0),
        ({"edge": EdgeStatus.ABSENT}, "warning", 2),
        ({"probe": ProbeStatus.FAILED}, "failing", 1),
    ],
)
def test_the_exit_code_tells_how_the_domain_is(
    shell: Shell, source: str, changes: dict[str, Any], word: str, code: int
) -> None:
    domain_id = shell.json("domains", "add", "cdp.shop.com", "--source", source)["id"]
    shell.observe(domain_id, replace(LIVE, **changes))

    assert shell.json("domains", "show", domain_id, code=code)["status"] == word


def test_watching_ends_when_the_domain_is_live(shell: Shell, source: str) -> None:
    domain_id = shell.json("domains", "add", "cdp.shop.com", "--source", source)["id"]
    watching = shell.start("domains", "show", domain_id, "--watch", "--json")
    assert watching.stdout is not None
    first = json.loads(watching.stdout.readline())
    shell.observe(domain_id, replace(LIVE, probe=ProbeStatus.NONE, has_been_live=False))
    second = json.loads(watching.stdout.readline())
    shell.observe(domain_id, LIVE)
    last = json.loads(watching.stdout.readline())
    rest, errors = watching.communicate(timeout=60)

    assert [one["status"] for one in (first, second, last)] == ["waiting", "issuing", "live"]
    assert (rest, errors, watching.returncode) == ("", "", 0)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("domains", "nope"), 64, "No such command"),
        (("domains", "add", "cdp.shop.com"), 64, "--source"),
        (("domains", "list", "--nope"), 64, "--nope"),
        (("sources", "add", "x", "--type", "cobol"), 64, "javascript"),
        (("tokens", "add", "x", "--days", "0"), 64, "--days"),
        (("domains", "show", "dom_nothing"), 1, "There is no domain 'dom_nothing' here."),
        (("domains", "show", "../tokens"), 1, "There is no"),
        (("domains", "add", "shop.com", "--source", "src_x"), 1, "cdp.shop.com"),
        (("sources", "snippet", "src_nothing"), 1, "There is no source"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_a_code(
    shell: Shell, arguments: tuple[str, ...], code: int, told: str
) -> None:
    shell.run("workspaces", "add", "Shop")

    assert told in shell.run(*arguments, code=code)


def test_a_product_out_of_reach_says_what_to_do(shell: Shell) -> None:
    nobody = shell.run("domains", "list", code=1, FIRSTPARTY_URL="http://127.0.0.1:1")
    strange = shell.run("domains", "list", code=1, FIRSTPARTY_TOKEN="fp_\tx")

    assert "firstparty serve" in nobody
    assert len(nobody.splitlines()) == 1
    assert "FIRSTPARTY_TOKEN" in strange


class Stranger(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<h1>It works!</h1>")

    def log_message(self, *_: object) -> None:
        pass


def test_another_server_at_the_address_is_recognised(shell: Shell) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as stranger:
        Thread(target=stranger.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{stranger.server_port}"
        told = shell.run("domains", "list", code=1, FIRSTPARTY_URL=url)
        stranger.shutdown()

    assert "is not Firstparty" in told


def test_the_version_and_the_help_need_no_product(shell: Shell) -> None:
    assert re.fullmatch(r"firstparty \d+\.\d+\.\d+\n", shell.run("--version", FIRSTPARTY_URL=""))
    assert "domains" in shell.run("--help", FIRSTPARTY_URL="")


def test_help_does_not_pay_for_http_and_tables() -> None:
    code = "import sys, firstparty.cli.main; print(sorted({'httpx', 'rich'} & set(sys.modules)))"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    loaded = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )

    assert loaded.stdout.strip() == "[]"


def test_output_that_nobody_reads_any_more_ends_quietly(shell: Shell) -> None:
    for number in range(3):
        shell.run("workspaces", "add", f"Workspace {number}")
    process = shell.start("workspaces", "list", "--json")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    errors = process.stderr.read()
    process.wait(timeout=60)
    process.stderr.close()

    assert errors == ""


@pytest.mark.parametrize(
    ("shell_name", "mark"),
    [
        ("bash", "complete -o default -F"),
        ("zsh", "#compdef firstparty"),
        ("fish", "complete --command firstparty"),
        ("powershell", "Register-ArgumentCompleter"),
    ],
)
def test_a_shell_is_taught_the_commands_without_being_the_caller(
    shell: Shell, shell_name: str, mark: str
) -> None:
    assert mark in shell.run("completion", shell_name)


def test_what_a_shell_was_taught_completes(shell: Shell) -> None:
    completed = shell.run(
        _FIRSTPARTY_COMPLETE="complete_bash", COMP_WORDS="firstparty dom", COMP_CWORD="1"
    )

    assert completed.split() == ["domains"]


def test_a_shell_that_nobody_knows_is_refused_by_name(shell: Shell) -> None:
    assert "'tcsh' is not one of" in shell.run("completion", "tcsh", code=64)
