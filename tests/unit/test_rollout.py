from pathlib import Path
from typing import Any

import pytest

from firstparty.control.callers import SYSTEM
from firstparty.control.csp import SitePolicies, check_source_policy
from firstparty.control.rollout import build_rollout, set_share
from firstparty.control.sources import SourceRequest, add_source, show_source
from firstparty.errors import Conflict, Forbidden, NotFound, Refused
from firstparty.model.status import Word
from firstparty.model.workspaces import Role, SourceType
from firstparty.store import tables
from tests.builders import NOW
from tests.fakes.reconciled import World
from tests.installation import RULES, Installation, a_caller, an_installation


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    return an_installation(tmp_path)


async def a_live_world(folder: Path) -> World:
    world = World.make(folder)
    domain = world.ask_for()
    world.delegate(domain)
    await world.until(domain, Word.LIVE)
    return world


def audited(world: World) -> list[tuple[str, Any]]:
    with world.store.read() as connection:
        rows = connection.execute(
            tables.audit.select().where(tables.audit.c.subject == "src_1")
        ).all()
        return [(row.action, row.detail["share"]) for row in rows if "share" in row.detail]


async def test_the_edge_learns_of_a_share_with_the_very_next_step_and_it_is_audited(
    tmp_path: Path,
) -> None:
    world = await a_live_world(tmp_path)
    shares = []
    for share in (0, 25, 25, 100):
        set_share(world.store, SYSTEM, "src_1", share=share, rules=RULES, now=world.outside.clock())
        await world.step()
        [edge] = world.outside.edge_domains()
        shares.append([source.share for source in edge.sources])
    done = audited(world)
    world.store.close()

    assert shares == [[0], [25], [25], [100]]
    assert done == [
        ("source.restored", 0),
        ("source.rolled-out", 25),
        ("source.rolled-out", 100),
    ]


async def test_the_lines_to_change_name_the_domain_and_go_back_to_the_service_domain(
    tmp_path: Path,
) -> None:
    world = await a_live_world(tmp_path)
    rollout = build_rollout(show_source(world.store, SYSTEM, "src_1", rules=RULES))
    world.store.close()
    forms = {line.form for line in rollout.lines}

    assert (rollout.share, rollout.is_switchable) == (100, True)
    assert {"html", "html-consent", "npm"} <= forms
    for line in rollout.lines:
        assert "cdp.shop.test" in line.now
        assert "cdp.shop.test" not in line.then
        assert "fp.test" in line.then


async def test_a_policy_must_allow_the_default_hosts_while_visitors_are_sent_there(
    tmp_path: Path,
) -> None:
    world = await a_live_world(tmp_path)
    wanted = []
    for share in (100, 99):
        view = set_share(world.store, SYSTEM, "src_1", share=share, rules=RULES, now=NOW)
        wanted.append(str(check_source_policy(view, SitePolicies()).wanted))
    world.store.close()

    assert "fp.test" not in wanted[0]
    assert {"https://cdn.fp.test", "https://api.fp.test"} <= set(wanted[1].split())


def test_a_source_without_a_domain_has_nothing_to_restore(here: Installation) -> None:
    with pytest.raises(Conflict, match="no domain"):
        set_share(here.store, SYSTEM, here.source().source.id, share=0, rules=RULES, now=NOW)


@pytest.mark.parametrize("share", [-1, 101])
def test_a_share_that_is_none_is_refused(here: Installation, share: int) -> None:
    with pytest.raises(Refused, match="0 to 100"):
        set_share(here.store, SYSTEM, here.source().source.id, share=share, rules=RULES, now=NOW)


def test_a_server_source_is_told_to_change_its_own_option(here: Installation) -> None:
    source = here.source(kind=SourceType.PYTHON).source

    with pytest.raises(Refused, match="an option in your own code"):
        set_share(here.store, SYSTEM, source.id, share=0, rules=RULES, now=NOW)


def test_a_viewer_and_a_stranger_restore_nothing(here: Installation) -> None:
    asked = {"share": 0, "rules": RULES, "now": NOW}
    source_id = here.source().source.id

    with pytest.raises(Forbidden):
        set_share(here.store, a_caller(Role.VIEWER, here.ours), source_id, **asked)
    with pytest.raises(NotFound):
        set_share(here.store, a_caller(Role.OWNER, here.theirs), source_id, **asked)


@pytest.mark.parametrize(
    ("upstream", "hosts"),
    [
        ("https://api.segment.io", ("https://cdn.segment.com", "api.segment.io/v1")),
        (
            "https://events.eu1.segmentapis.com",
            ("https://cdn.segment.com", "events.eu1.segmentapis.com/v1"),
        ),
        ("https://events.example.com", ("https://cdn.fp.test", "api.fp.test/v1")),
    ],
)
def test_the_default_hosts_follow_from_the_upstream(
    here: Installation, upstream: str, hosts: tuple[str, str]
) -> None:
    view = add_source(
        here.store,
        SYSTEM,
        workspace_id=here.ours.id,
        asked=SourceRequest(name="Web", type=SourceType.JAVASCRIPT, upstream=upstream),
        rules=RULES,
        now=NOW,
    )

    assert (view.default_hosts.cdn_origin, view.default_hosts.api_base) == hosts
