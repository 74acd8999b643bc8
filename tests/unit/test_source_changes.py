from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.control.callers import SYSTEM
from firstparty.control.settings_warnings import find_warnings
from firstparty.control.source_changes import SourceChange, change_source
from firstparty.control.sources import show_source
from firstparty.errors import Forbidden, NotFound, Refused
from firstparty.model.privacy import IpRule, PrivacyRules
from firstparty.model.status import Word
from firstparty.model.workspaces import Origin, Role
from firstparty.store import tables
from tests.builders import NOW, a_source
from tests.fakes.reconciled import World
from tests.installation import RULES, Installation, a_caller, an_installation

SETTINGS = {"integrations": {"Segment.io": {}}}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    return an_installation(tmp_path)


def change(here: Installation, source_id: str, **parts: Any) -> None:
    change_source(here.store, SYSTEM, source_id, change=SourceChange(**parts), rules=RULES, now=NOW)


def audited(here: Installation, source_id: str) -> list[Any]:
    with here.store.read() as connection:
        rows = connection.execute(
            tables.audit.select()
            .where(tables.audit.c.subject == source_id, tables.audit.c.action == "source.changed")
            .order_by(tables.audit.c.number)
        ).all()
        return [row.detail for row in rows]


def test_each_part_is_changed_alone(here: Installation) -> None:
    source_id = here.source().source.id
    change(here, source_id, settings=SETTINGS)
    change(here, source_id, origin=Origin.MIRROR)
    source = show_source(here.store, SYSTEM, source_id, rules=RULES).source

    assert (source.settings, source.origin) == (SETTINGS, Origin.MIRROR)
    assert [(one["settings"], one["origin"]) for one in audited(here, source_id)] == [
        (True, "self-hosted"),
        (False, "mirror"),
    ]


def test_a_change_to_what_is_there_already_is_none(here: Installation) -> None:
    source_id = here.source().source.id
    change(here, source_id, settings={}, origin=Origin.SELF_HOSTED)

    assert audited(here, source_id) == []


def test_refused_settings_leave_the_ones_before(here: Installation) -> None:
    source_id = here.source().source.id
    change(here, source_id, settings=SETTINGS)

    with pytest.raises(Refused):
        change(here, source_id, settings="{", origin=Origin.MIRROR)
    source = show_source(here.store, SYSTEM, source_id, rules=RULES).source
    assert (source.settings, source.origin) == (SETTINGS, Origin.SELF_HOSTED)


def test_a_viewer_and_a_stranger_change_nothing(here: Installation) -> None:
    source_id = here.source().source.id
    asked = {"change": SourceChange(origin=Origin.MIRROR), "rules": RULES, "now": NOW}

    with pytest.raises(Forbidden):
        change_source(here.store, a_caller(Role.VIEWER, here.ours), source_id, **asked)
    with pytest.raises(NotFound):
        change_source(here.store, a_caller(Role.OWNER, here.theirs), source_id, **asked)
    assert audited(here, source_id) == []


async def test_the_edge_learns_of_a_change_with_the_very_next_step(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    domain = world.ask_for()
    world.delegate(domain)
    await world.until(domain, Word.LIVE)
    change_source(
        world.store,
        SYSTEM,
        "src_1",
        change=SourceChange(settings=SETTINGS, origin=Origin.MIRROR),
        rules=RULES,
        now=world.outside.clock(),
    )
    await world.step()
    [edge] = world.outside.edge_domains()
    world.store.close()

    assert [(one.settings, one.origin) for one in edge.sources] == [(SETTINGS, "mirror")]


@pytest.mark.parametrize(
    ("settings", "paths"),
    [
        ({}, []),
        ({"integrations": {"Segment.io": {}}}, []),
        ({"plan": {}}, ["integrations"]),
        ({"integrations": {}}, ['integrations["Segment.io"]']),
        ({"integrations": {"Segment.io": False}}, ['integrations["Segment.io"]']),
        (
            {"integrations": {"Segment.io": {"apiHost": "us.upstream.test/v1"}}},
            ['integrations["Segment.io"].apiHost'],
        ),
        (
            {"integrations": {"Segment.io": {"apiHost": "eu.upstream.test/v1", "apiKey": "K"}}},
            [
                'integrations["Segment.io"].apiKey',
                'integrations["Segment.io"].apiHost',
                'integrations["Segment.io"].apiHost',
            ],
        ),
        (SETTINGS | {"metrics": {"host": "x"}}, ["metrics.host"]),
        (SETTINGS | {"remotePlugins": {}}, ["remotePlugins"]),
        (
            SETTINGS
            | {
                "remotePlugins": [
                    {"url": "https://cdn.segment.com/a.js"},
                    {"url": "/relative.js"},
                    {"url": "https://vendor.test/a.js"},
                ]
            },
            ["remotePlugins[0].url", "remotePlugins[2].url"],
        ),
        (
            {**SETTINGS, "edgeFunction": {"downloadURL": "https://cdn.edgefn.segment.com/a.js"}},
            ["edgeFunction.downloadURL"],
        ),
        ({**SETTINGS, "edgeFunction": {}}, []),
    ],
)
def test_an_owner_is_told_of_each_place(settings: dict[str, Any], paths: list[str]) -> None:
    found = find_warnings(a_source(settings=settings), RULES.upstreams)

    assert [one.path for one in found] == paths


@given(
    st.dictionaries(
        st.sampled_from(["integrations", "metrics", "remotePlugins", "edgeFunction", "x"]), JSON
    )
    | st.builds(lambda segment: {"integrations": {"Segment.io": segment}}, JSON)
    | st.builds(lambda url: {"remotePlugins": [{"url": url}]}, st.text() | JSON)
)
def test_settings_of_any_shape_can_be_looked_at(settings: dict[str, Any]) -> None:
    for one in find_warnings(a_source(settings=settings), RULES.upstreams):
        assert one.sentence.isprintable()


def test_privacy_rules_are_stored_audited_and_published(here: Installation) -> None:
    source_id = here.source().source.id
    rules = PrivacyRules(ip=IpRule.DROP, consent=(" ads ",), drop_fields=("a.b", "a.b"))

    change(here, source_id, privacy=rules)

    kept = PrivacyRules(ip=IpRule.DROP, consent=("ads",), drop_fields=("a.b",))
    assert show_source(here.store, SYSTEM, source_id, rules=RULES).source.privacy == kept
    assert audited(here, source_id)[0]["privacy"]["drop_fields"] == ["a.b"]


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        (PrivacyRules(drop_fields=("messageId",)), "privacy-field-needed"),
        (PrivacyRules(drop_fields=("a..b",)), "privacy-path-invalid"),
        (PrivacyRules(drop_fields=("a." * 20 + "b",)), "privacy-path-invalid"),
        (PrivacyRules(drop_fields=("",)), "privacy-name-invalid"),
        (PrivacyRules(consent=("a\x1b[2J",)), "privacy-name-invalid"),
        (PrivacyRules(consent=("x" * 300,)), "privacy-name-invalid"),
        (PrivacyRules(drop_fields=tuple(map(str, range(101)))), "privacy-too-many"),
    ],
)
def test_rules_that_cannot_work_are_refused_with_the_reason(
    here: Installation, rules: PrivacyRules, code: str
) -> None:
    source_id = here.source().source.id

    with pytest.raises(Refused) as refused:
        change(here, source_id, privacy=rules)

    assert refused.value.code == code
    assert (refused.value.field or "").startswith("privacy.")
