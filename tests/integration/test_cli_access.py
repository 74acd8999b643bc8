"""Commands for who may do what where: tokens, workspaces, people, profiles."""

import json
import re
import subprocess
import sys
from pathlib import Path

import httpx

from tests import shells
from tests.shells import Shell

shell, source = shells.shell, shells.source


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
