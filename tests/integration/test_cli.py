"""The real command line as a process of its own, against the API on a real socket."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from firstparty.model.status import (
    CertificateStatus,
    DnsStatus,
    EdgeStatus,
    ProbeStatus,
    Statuses,
)
from firstparty.store import work
from tests.served import Served, serve_api

LIVE = Statuses(
    dns=DnsStatus.SERVING,
    certificate=CertificateStatus.VALID,
    edge=EdgeStatus.PUBLISHED,
    probe=ProbeStatus.PASSED,
    has_been_live=True,
)


@dataclass(frozen=True)
class Shell:
    served: Served
    environment: dict[str, str]

    def run(self, *arguments: str, code: int = 0, **environment: str) -> str:
        """Standard output of a command that must leave with ``code``; stderr where it fails."""
        process = self.start(*arguments, **environment)
        output, errors = process.communicate(timeout=60)

        assert process.returncode == code, output + errors
        assert "Traceback" not in output + errors
        return output if code in {0, 2} else output + errors

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self.run(*arguments, "--json", code=code))

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "firstparty", *arguments],
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def observe(self, domain_id: str, statuses: Statuses) -> None:
        """Write what a reconciler would have seen."""
        now = datetime.now(UTC)
        with self.served.store.write() as connection:
            work.wake(connection, domain_id, now=now)
            [lease] = work.lease_due(connection, now=now, lease=timedelta(minutes=1), limit=1)
            seen = work.load_observation(connection, domain_id)
            work.save_observation(connection, lease, replace(seen, statuses=statuses), due_at=None)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with serve_api(tmp_path) as served:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("FIRSTPARTY_") and name != "COLUMNS"
        }
        yield Shell(
            served,
            environment
            | {
                "PYTHONPATH": os.pathsep.join(sys.path),
                "XDG_CONFIG_HOME": str(tmp_path),
                "FIRSTPARTY_URL": served.url,
                "FIRSTPARTY_TOKEN": served.bearer,
            },
        )


@pytest.fixture
def source(shell: Shell) -> str:
    shell.run("workspaces", "add", "Shop")
    return str(shell.json("sources", "add", "Web shop", "--type", "javascript")["id"])


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


def test_a_snippet_is_printed_byte_for_byte(shell: Shell, source: str) -> None:
    assert "add a domain" in shell.run("sources", "snippet", source, code=1)
    shell.run("domains", "add", "cdp.shop.com", "--source", source)
    alias = shell.json("sources", "show", source)["alias_url"]
    write_key = shell.json("sources", "show", source)["write_key"]
    html = shell.run("sources", "snippet", source)
    standard = shell.run("sources", "snippet", source, "--standard", "--global", "shopdata")

    assert html.startswith("<script>")
    assert alias in html
    assert f"/analytics.js/v1/{write_key}/analytics.min.js" in standard
    assert '"shopdata"' in standard
    assert html.rstrip("\n") == shell.json("sources", "snippet", source)["code"].rstrip("\n")
    assert "api.cdp.shop.com" in shell.run("sources", "snippet", source, "--format", "python")


def test_a_policy_is_checked_on_the_command_line(shell: Shell, source: str) -> None:
    shell.run("domains", "add", "cdp.shop.com", "--source", source)
    wanted = shell.run("sources", "csp", source)
    blocked = shell.run("sources", "csp", source, "--policy", "connect-src 'none'", code=1)
    given = ("--policy", wanted.strip().replace("\n", "; "))
    allowed = shell.json("sources", "csp", source, *given)

    assert "connect-src https://evs.cdp.shop.com" in wanted
    assert "no event is sent at all" in blocked
    assert "connect-src https://evs.cdp.shop.com" in blocked
    assert allowed["is_allowed"] is True


def test_a_source_is_restored_rolled_out_and_brought_back(shell: Shell, source: str) -> None:
    shell.run("domains", "add", "cdp.shop.com", "--source", source)
    restored = shell.run("sources", "restore", source)
    part = shell.json("sources", "rollout", source, "25")
    asked = shell.json("sources", "rollout", source)
    shown = shell.run("sources", "show", source)
    undone = shell.json("sources", "restore", source, "--undo")

    assert "0 % of visitors are on the domain" in restored
    assert "cdn.segment.com" in restored
    assert (part["share"], asked["share"], undone["share"]) == (25, 25, 100)
    assert "25 % of visitors" in shown
    shell.run("sources", "rollout", source, "101", code=64)


def test_a_source_takes_its_settings_and_write_key_along(shell: Shell, tmp_path: Path) -> None:
    shell.run("workspaces", "add", "Shop")
    file = tmp_path / "settings.json"
    file.write_text('{"integrations": {"Segment.io": {}}}')
    added = shell.json(
        *("sources", "add", "Web [red]", "--type", "javascript", "--region", "eu"),
        *("--write-key", "KEY_AT_SEGMENT", "--settings", str(file)),
    )

    assert added["settings"] == {"integrations": {"Segment.io": {}}}
    assert (added["write_key"], added["region"]) == ("KEY_AT_SEGMENT", "eu")
    assert "Web [red]" in shell.run("sources", "list")
    file.write_text("{")
    broken = shell.run("sources", "add", "b", "--type", "node", "--settings", str(file), code=64)
    assert "settings.json" in broken
    assert "line 1, column 2" in " ".join(broken.split())


def test_settings_and_origin_of_a_source_are_edited(shell: Shell, tmp_path: Path) -> None:
    shell.run("workspaces", "add", "Shop")
    source = shell.json("sources", "add", "Web", "--type", "javascript", "--origin", "mirror")
    file = tmp_path / "settings.json"
    file.write_text('{"metrics": {"host": "api.segment.io/v1"}}')
    edited = shell.json("sources", "edit", source["id"], "--settings", str(file))
    printed = shell.run("sources", "edit", source["id"], "--origin", "self-hosted")
    limited = shell.run("sources", "edit", source["id"], "--limit", "100")
    unsaid = shell.run("sources", "edit", source["id"], code=64)
    file.write_text('{"metrics":\n {,}}')
    broken = shell.run("sources", "edit", source["id"], "--settings", str(file), code=64)
    kept = shell.json("sources", "show", source["id"])

    assert (source["origin"], edited["origin"]) == ("mirror", "mirror")
    assert edited["settings"] == {"metrics": {"host": "api.segment.io/v1"}}
    assert "self-hosted" in printed
    assert "metrics.host: Replaced" in printed
    assert "100 messages a second" in limited
    assert "say what to change" in unsaid
    assert "line 2, column 3" in " ".join(broken.split())
    assert kept["settings"] == edited["settings"]


def test_a_token_is_shown_once_works_and_is_revoked(shell: Shell) -> None:
    shell.run("workspaces", "add", "Shop")
    printed = shell.run("tokens", "add", "ci", "--role", "viewer", "--days", "7")
    found = re.search(r"fp_\w+", printed)
    assert found is not None
    bearer = found[0]
    [token] = shell.json("tokens", "list")

    assert token["expires_at"] is not None
    assert bearer not in shell.run("tokens", "list")
    assert "Shop" in shell.run("workspaces", "list", FIRSTPARTY_TOKEN=bearer)
    refused = shell.run("workspaces", "add", "X", code=1, FIRSTPARTY_TOKEN=bearer)
    assert "operator" in refused
    assert "revoked" in shell.run("tokens", "revoke", token["id"])
    assert "revoked" in shell.run("workspaces", "list", code=1, FIRSTPARTY_TOKEN=bearer)


def test_the_workspace_is_chosen_by_option_or_environment(shell: Shell) -> None:
    one = shell.json("workspaces", "add", "One")["id"]
    two = shell.json("workspaces", "add", "Two")["id"]
    unsaid = shell.run("sources", "add", "a", "--type", "node", code=1)
    shell.run("sources", "add", "a", "--type", "node", FIRSTPARTY_WORKSPACE=one)
    shell.run("sources", "add", "b", "--type", "node", "--workspace", two)

    assert "several workspaces" in unsaid
    assert [source["name"] for source in shell.json("sources", "list", "--workspace", one)] == ["a"]
    assert [source["name"] for source in shell.json("sources", "list", "--workspace", two)] == ["b"]


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


def test_privacy_rules_are_shown_changed_in_part_and_reset(shell: Shell) -> None:
    shell.run("workspaces", "add", "Shop")
    source = shell.json("sources", "add", "Web", "--type", "javascript")["id"]

    shell.run("sources", "privacy", source, "--ip", "truncate", "--gpc", "--drop", "userId")
    changed = shell.json("sources", "privacy", source, "--ip", "drop", "--consent", "ads")
    printed = shell.run("sources", "privacy", source)
    reset = shell.json("sources", "privacy", source, "--reset")
    refused = shell.run("sources", "privacy", source, "--drop", "messageId", code=1)

    assert changed == {
        "ip": "drop",
        "honour_gpc": True,
        "honour_dnt": False,
        "consent": ["ads"],
        "drop_fields": ["userId"],
    }
    assert "userId" in printed
    assert reset["drop_fields"] == []
    assert "messageId cannot be dropped" in " ".join(refused.split())


def test_people_are_invited_promoted_and_removed(shell: Shell, source: str) -> None:
    del source  # it made the workspace
    made = shell.json("people", "invite", "Ann@Shop.test", "--role", "viewer")
    listed = shell.json("people", "invitations")
    accepted = httpx.post(
        f"{shell.served.url}/api/v1/invitations/accept",
        json={"secret": made["url"].rpartition("/")[2], "password": "four random words"},
        trust_env=False,
    )
    promoted = shell.json("people", "role", "ann@shop.test", "admin")
    told = shell.run("audit", "--action", "member")

    assert [one["email"] for one in listed] == ["ann@shop.test"]
    assert accepted.status_code == 200
    assert promoted["role"] == "admin"
    assert "member.changed" in told
    assert "before: viewer" in told
    assert "last owner" not in shell.run("people", "list")
    assert "is removed" in shell.run("people", "remove", "ann@shop.test", "--yes")
    assert "people invite" in shell.run("people", "list")
    assert "nobody 'ann@shop.test'" in shell.run("people", "role", "ann@shop.test", "owner", code=1)


def test_a_profile_speaks_to_a_product_elsewhere(shell: Shell, tmp_path: Path) -> None:
    elsewhere = {"FIRSTPARTY_URL": "", "FIRSTPARTY_TOKEN": ""}
    shell.run("workspaces", "add", "Shop")

    def add(token: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "firstparty", "profiles", "add", "prod", shell.served.url],
            env=shell.environment | elsewhere,
            input=f"{token}\n",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    wrong, right = add("fp_wrong"), add(shell.served.bearer)
    listed = shell.run("profiles", "list", "--json", **elsewhere)
    file = tmp_path / "firstparty" / "profiles" / "prod.json"
    mode = file.stat().st_mode & 0o777

    assert (wrong.returncode, right.returncode) == (1, 0)
    assert json.loads(listed) == [{"name": "prod", "url": shell.served.url}]
    assert mode == 0o600
    assert "Shop" in shell.run("--profile", "prod", "workspaces", "list", **elsewhere)
    chosen = elsewhere | {"FIRSTPARTY_PROFILE": "prod"}
    assert "Shop" in shell.run("workspaces", "list", **chosen)
    assert "no profile 'dev'" in shell.run("--profile", "dev", "domains", "list", code=1)
    assert "letters, digits" in shell.run("profiles", "remove", "../prod", code=1)
    shell.run("profiles", "remove", "prod")
    assert not file.exists()


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


def test_where_messages_go_is_changed_and_a_webhooks_secret_rotated(
    shell: Shell, source: str
) -> None:
    hook = "webhook+https://hooks.shop.com/in"
    edited = shell.run("sources", "edit", source, "--upstream", hook)
    rotated = shell.run("sources", "secret", source, "--rotate")
    has_both = shell.json("sources", "show", source)["has_old_secret"]
    shell.run("sources", "secret", source, "--drop-old")
    after = shell.json("sources", "edit", source, "--region", "eu", "--upstream", "")

    assert "whsec_" in edited
    assert "whsec_" in rotated
    assert has_both
    assert not after["has_old_secret"]
    assert after["region"] == "eu"
    assert "no webhook" in shell.run("sources", "secret", source, "--rotate", code=1)
