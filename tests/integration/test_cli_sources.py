"""Commands for sources: the code to paste, settings, privacy, rollout, where messages go."""

from pathlib import Path

from tests import shells
from tests.shells import Shell

shell, source = shells.shell, shells.source


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
