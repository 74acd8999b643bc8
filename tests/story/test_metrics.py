"""Metrics of the running demo: all that the catalogue promises, and Envoy's own beside them."""

import re
import tomllib

import httpx

from firstparty.serve.metrics.catalogue import METRICS
from firstparty.serve.metrics.of_roles import LIMIT_USED
from tests.running import RunningDemo, until


def ask(demo: RunningDemo, path: str) -> httpx.Response:
    settings = tomllib.loads((demo.state / "firstparty.toml").read_text())
    return httpx.get(f"http://{settings['metrics']['listen']}{path}", trust_env=False, timeout=20)


def test_every_metric_of_the_catalogue_is_told(demo: RunningDemo) -> None:
    answer = ask(demo, "/metrics")
    names = set(re.findall(r"^([a-z_]+)\{", answer.text, re.MULTILINE))
    heads = re.findall(r"^# TYPE (\S+)", answer.text, re.MULTILINE)

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    # The demo's authority is its own, and has no limits.
    assert {metric.name for metric in METRICS} - {LIMIT_USED.name} <= names
    assert any(name.startswith("envoy_") for name in names)
    assert len(heads) == len(set(heads))
    samples = [line.rpartition(" ")[0] for line in answer.text.splitlines() if line[:1] != "#"]
    assert len(samples) == len(set(samples))
    assert 'firstparty_domains{process="control+reconciler+alerts",status="live"}' in answer.text


def test_every_role_is_told_to_run_and_the_whole_to_be_ready(demo: RunningDemo) -> None:
    up = dict(
        re.findall(
            r'^firstparty_process_up\{process="supervisor",role="([^"]+)"\} ([01])',
            ask(demo, "/metrics").text,
            re.MULTILINE,
        )
    )

    assert set(up) == set(demo.report["pids"])
    assert set(up.values()) == {"1"}
    assert ask(demo, "/healthz").status_code == 200
    until(lambda: ask(demo, "/readyz").status_code == 200)
    assert ask(demo, "/nothing").status_code == 404


def test_the_ledger_is_told_per_source(demo: RunningDemo) -> None:
    source = demo.source("javascript")["id"]
    found = re.search(
        rf'^firstparty_messages_accepted_total\{{[^}}]*source="{source}"\}} (\d+)',
        ask(demo, "/metrics").text,
        re.MULTILINE,
    )

    assert found is not None
    assert int(found[1]) >= 1
