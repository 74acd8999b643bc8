"""The doctor of the running demo, on the command line: all is well, and what is not is named."""

import json
import os
import subprocess
import sys

from tests.fakes.chromium import CHROMIUM
from tests.running import RunningDemo, until


def ask_doctor(demo: RunningDemo, *arguments: str) -> tuple[int, list[dict[str, str]]]:
    console = demo.report["console"]
    done = subprocess.run(
        [sys.executable, "-m", "firstparty", "doctor", *arguments, "--json"],
        env=os.environ | {"FIRSTPARTY_URL": console["url"], "FIRSTPARTY_TOKEN": console["token"]},
        capture_output=True,
        text=True,
        timeout=280,  # a busy machine takes its time
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def test_of_a_live_domain_every_check_passes(demo: RunningDemo) -> None:
    before = demo.received_ids()
    code, events = ask_doctor(demo, "cdp.shop.test", "--message")
    results = events[:-1]

    verdicts = {one["check"]: one["verdict"] for one in results}
    # Other tests of this demo leave dead letters and send a lot, of which these checks warn.
    others = {verdicts.pop("messages"), verdicts.pop("room")}
    worst = "warn" if "warn" in others else "pass"

    assert others <= {"pass", "warn"}
    assert events[-1] == {"status": worst}
    assert code == {"pass": 0, "warn": 2}[worst], results
    assert {one["check"] for one in results} == {
        "status",
        "delegation",
        "nameservers",
        "certificate",
        "tls",
        "hosts",
        "messages",
        "room",
        "test-message",
    }
    assert set(verdicts.values()) == {"pass"}
    new = until(lambda: demo.received_ids() - before)
    assert any(one.startswith("firstparty-doctor-") for one in new)


def test_a_private_address_is_named_and_not_asked(demo: RunningDemo) -> None:
    code, events = ask_doctor(demo, "https://127.0.0.1/", "--browser")
    said = {one["check"]: one["code"] for one in events[:-1]}

    assert code == 1
    assert said["page"] == "page-not-public"
    assert said["browser"] == ("page-unreachable" if CHROMIUM else "browser-missing")
