"""A version of Analytics.js that an edge refuses, from there to the operator's channel."""

from pathlib import Path

from firstparty.alerts.plan import plan_alerts
from firstparty.cdn.refusals import note_refusal
from firstparty.control.callers import SYSTEM
from firstparty.control.channels import ChannelChange, add_channel
from firstparty.control.service_domain import ensure_service_domain
from firstparty.model.alerts import ChannelKind
from firstparty.model.domains import Domain
from firstparty.model.service_domain import DEFAULT_HOSTS_ID, WORKSPACE_ID
from firstparty.model.status import Word
from firstparty.serve.metrics.cdn import collect_cdn
from firstparty.store import alerts
from firstparty.store.domains import load_domain
from tests.fakes.reconciled import CONTROL_SEALER, World


def the_default_hosts(world: World) -> Domain:
    ensure_service_domain(world.store, "fp.test", now=world.outside.clock())
    with world.store.read() as connection:
        domain = load_domain(connection, DEFAULT_HOSTS_ID)
    assert domain is not None
    return domain


async def test_the_operator_is_told_once_and_the_finding_goes_with_the_refusal(
    tmp_path: Path,
) -> None:
    world = World.make(tmp_path)
    domain = the_default_hosts(world)
    await world.until(domain, Word.LIVE)
    channel = add_channel(
        world.store,
        CONTROL_SEALER,
        SYSTEM,
        workspace_id=WORKSPACE_ID,
        kind=ChannelKind.WEBHOOK,
        change=ChannelChange(name="Operator", target="https://hooks.test/x"),
        now=world.outside.clock(),
    )
    world.outside.refused_versions = ("2.0.0",)
    await world.steps(8)
    codes, finding = world.codes(domain), world.seen(domain).findings[0]
    with world.store.write() as connection:
        plan_alerts(connection, CONTROL_SEALER, now=world.outside.clock())
    with world.store.read() as connection:
        told = [
            one
            for one in alerts.list_alerts(connection, channel.id)
            if "library-refused" in one.body.get("new_findings", ())
        ]
    world.outside.refused_versions = ()
    await world.steps(8)

    assert codes == ["library-refused"]
    assert "Analytics.js 2.0.0 cannot be served first-party" in finding.sentence
    assert world.word(domain) is Word.LIVE
    assert [one.type for one in told] == ["domain.findings"]
    assert "library-refused" not in world.codes(domain)


async def test_a_tenant_s_domain_is_not_told_of_it(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    world.outside.refused_versions = ("2.0.0",)
    domain = world.ask_for()
    world.delegate(domain)
    await world.until(domain, Word.LIVE)
    await world.steps(4)

    assert "library-refused" not in world.codes(domain)


def test_the_process_counts_what_was_refused(tmp_path: Path) -> None:
    before = [one.value for one in collect_cdn(tmp_path)]
    note_refusal(tmp_path, "2.0.0", "It cannot be patched.")

    assert before == [0]
    assert [one.value for one in collect_cdn(tmp_path)] == [1]
