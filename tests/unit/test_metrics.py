import re
from datetime import timedelta
from pathlib import Path

import yaml
from sqlalchemy import update

from firstparty.counts import Counts
from firstparty.model.status import Intent
from firstparty.serve.metrics.catalogue import DOMAINS, EVENTS, METRICS
from firstparty.serve.metrics.control import _collect_store
from firstparty.serve.metrics.counts import collect_counts
from firstparty.serve.metrics.process import collect_process, count_events
from firstparty.serve.metrics.text import Sample, merge, render
from firstparty.store import tables
from firstparty.store.domains import add_domain
from firstparty.store.work import start_work
from firstparty.telemetry import Log
from tests.builders import NOW, a_domain
from tests.installation import an_installation

ROOT = Path(__file__).parents[2]
NAMES = {metric.name for metric in METRICS}
NAME = re.compile(r"\bfirstparty_[a-z_]+\b")


def test_a_sample_is_written_with_its_labels_escaped() -> None:
    sample = Sample(metric=DOMAINS, value=3, labels={"status": 'a"b\\c\nd'})

    assert render([sample], process="control").splitlines()[2] == (
        r'firstparty_domains{process="control",status="a\"b\\c\nd"} 3'
    )
    assert render([], process="control") == ""


def test_the_lines_of_a_family_come_together_with_one_head() -> None:
    texts = [
        render(
            [
                Sample(metric=EVENTS, value=1, labels={"event": "a", "level": "info"}),
                Sample(metric=DOMAINS, value=2, labels={"status": "live"}),
            ],
            process=process,
        )
        for process in ("one", "two")
    ]
    lines = merge(texts).splitlines()

    assert [line.partition("{")[0] for line in lines] == [
        f"# HELP {EVENTS.name} {EVENTS.help}",
        f"# TYPE {EVENTS.name} counter",
        EVENTS.name,
        EVENTS.name,
        f"# HELP {DOMAINS.name} {DOMAINS.help}",
        f"# TYPE {DOMAINS.name} gauge",
        DOMAINS.name,
        DOMAINS.name,
    ]


def test_events_of_the_log_are_counted_by_name() -> None:
    counter = count_events()
    log = Log("test")
    log.warning("metrics.tested", secret="x")
    log.warning("metrics.tested", secret="y")
    counted = {(one.labels["event"], one.labels["level"]): one.value for one in counter.collect()}

    assert counted["metrics.tested", "warning"] == 2
    assert {one.metric.name for one in collect_process()} < NAMES


def test_what_a_role_counts_is_told_and_what_it_could_count_is_told_as_zero() -> None:
    counts = Counts()
    counts.add("forward_requests_total", "delivered", by=3)
    counts.read_by(lambda: [(("forward_queue_bytes", ()), 7)])
    told = {
        (one.metric.name, *one.labels.values()): one.value
        for one in collect_counts(counts, ["forward"])
    }

    assert told["firstparty_forward_requests_total", "delivered"] == 3
    assert told["firstparty_forward_requests_total", "dead"] == 0
    assert told["firstparty_forward_queue_bytes",] == 7
    assert not any(name.startswith("firstparty_dns") for name, *_ in told)


def test_what_is_told_as_zero_has_a_value_for_each_label() -> None:
    for metric in METRICS:
        assert {len(labels) for labels in metric.from_start} <= {len(metric.labels)}


def test_domains_are_counted_by_status_and_the_longest_overdue_told(tmp_path: Path) -> None:
    here = an_installation(tmp_path)
    with here.store.write() as connection:
        for number in range(3):
            domain = a_domain(
                id=f"dom_{number}",
                workspace_id=here.ours.id,
                name=f"cdp.shop{number}.test",
                token=f"token{number}",
                source_ids=(),
            )
            add_domain(connection, domain)
            start_work(connection, domain.id, now=NOW - timedelta(seconds=number))
        connection.execute(
            update(tables.domains)
            .where(tables.domains.c.id == "dom_0")
            .values(intent=Intent.PAUSED)
        )
    told = {
        (one.metric.name, *one.labels.values()): one.value
        for one in _collect_store(here.store, NOW)
    }
    here.store.close()

    assert told["firstparty_domains", "waiting"] == 2
    assert told["firstparty_domains", "paused"] == 1
    assert told["firstparty_domains", "live"] == 0
    assert told["firstparty_domains_overdue_seconds",] == 2
    assert ("firstparty_certificate_next_expiry_timestamp_seconds",) not in told


def test_every_metric_is_documented_and_nothing_else_is() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()

    assert set(NAME.findall(page)) == NAMES
    for metric in METRICS:
        labels = ", ".join(f"`{label}`" for label in metric.labels) or "-"
        assert (
            f"| `{metric.name}` | {metric.kind} | {labels} | {metric.told_by} | {metric.help} |"
            in page
        )


def test_dashboard_and_alert_rules_use_metrics_that_exist() -> None:
    rules = (ROOT / "deploy" / "prometheus" / "firstparty.rules.yml").read_text()
    dashboard = (ROOT / "deploy" / "grafana" / "firstparty.json").read_text()
    found = set(NAME.findall(rules + dashboard))

    assert found <= NAMES
    assert len(found) >= 10
    for group in yaml.safe_load(rules)["groups"]:
        for rule in group["rules"]:
            assert NAME.search(rule["expr"]), rule["alert"]
            assert rule["annotations"]["summary"]
