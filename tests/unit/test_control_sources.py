from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.control.callers import SYSTEM
from firstparty.control.settings_json import parse_settings
from firstparty.control.source_rules import (
    parse_origin,
    parse_route,
    parse_write_key,
)
from firstparty.control.sources import (
    SourceRequest,
    add_source,
    list_sources,
    show_snippet,
    show_source,
)
from firstparty.control.workspaces import choose_workspace
from firstparty.errors import Conflict, NotFound, Refused
from firstparty.model.workspaces import Role, SourceType
from firstparty.store.sealing import load_sealer
from tests.builders import NOW
from tests.installation import RULES, Installation, a_caller, an_installation


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    return an_installation(tmp_path)


@pytest.mark.parametrize(
    ("typed", "origin"),
    [
        ("https://Events.Example.com", "https://events.example.com"),
        ("https://events.example.com/", "https://events.example.com"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        (" https://[2001:DB8::1]:8443 ", "https://[2001:db8::1]:8443"),
        ("https://[::1]", "https://[::1]"),
    ],
)
def test_an_upstream_is_kept_as_an_origin(typed: str, origin: str) -> None:
    assert parse_origin(typed) == origin


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "events.example.com",
        "ftp://events.example.com",
        "https://",
        "https://events.example.com/v1",
        "https://events.example.com?x=1",
        "https://events.example.com/#x",
        "https://ann:secret@events.example.com",
        "https://events.example.com:99999",
        "https://events.example.com:0",
        "https://events.example.com:x",
        "https://events example.com",
        "javascript:alert(1)",
        "https://[::1",
    ],
)
def test_what_is_no_origin_is_refused_with_an_example(typed: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_origin(typed)

    assert refused.value.code == "upstream-not-origin"
    assert "https://events.example.com" in refused.value.sentence


@given(st.text())
def test_any_text_is_an_origin_or_refused(text: str) -> None:
    try:
        origin = parse_origin(text)
    except Refused:
        return

    assert parse_origin(origin) == origin


def test_a_source_without_an_upstream_gets_that_of_its_region() -> None:
    assert parse_route("eu", None, RULES) == ("eu", "https://eu.upstream.test")


@pytest.mark.parametrize(
    ("region", "upstream", "code"),
    [
        ("mars", None, "region-unknown"),
        ("eu", "https://us.upstream.test", "upstream-of-other-region"),
        ("us", "https://EU.upstream.test/", "upstream-of-other-region"),
    ],
)
def test_messages_stay_in_their_region(region: str, upstream: str | None, code: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_route(region, upstream, RULES)

    assert refused.value.code == code


@pytest.mark.parametrize("bad", ["", "short", "with space", "x" * 65, 'quote"quote', "ünïcode-key"])
def test_a_write_key_that_no_sdk_sends_is_refused(bad: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_write_key(bad)

    assert refused.value.code == "write-key-invalid"


def test_a_write_key_of_ours_is_32_base62() -> None:
    key = parse_write_key(None)

    assert len(key) == 32
    assert key.isalnum()
    assert key != parse_write_key(None)


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ([], "settings-not-object"),
        (None, "settings-not-object"),
        ("7", "settings-not-object"),
        ("", "settings-not-json"),
        ('{"a": NaN}', "settings-not-json"),
        ('{"a": ' + "1" * 5_000 + "}", "settings-not-json"),
        ("[" * 100_000, "settings-too-deep"),
        ("x" * 300_000, "settings-too-large"),
        ({"a": float("nan")}, "settings-not-json"),
        ({"a": [float("inf")]}, "settings-not-json"),
        ({"a": "\ud800"}, "settings-not-json"),
        ({"a": "x" * 300_000}, "settings-too-large"),
        (nested(60), "settings-too-deep"),
        ({"a": [[[nested(60)]]]}, "settings-too-deep"),
    ],
)
def test_settings_that_some_reader_chokes_on_are_refused(settings: object, code: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_settings(settings)

    assert refused.value.code == code
    assert refused.value.field == "settings"


def test_settings_that_are_no_json_are_refused_with_the_place_and_the_reason() -> None:
    with pytest.raises(Refused) as refused:
        parse_settings('{\n  "integrations": {},\n  "plan": {,}\n}')

    assert "line 3, column 12: " in refused.value.sentence
    assert "property name" in refused.value.sentence


def test_settings_may_be_given_as_text() -> None:
    assert parse_settings('\ufeff{"plan": {}}') == {"plan": {}}


def test_settings_are_kept_as_they_are(here: Installation) -> None:
    settings = {"integrations": {"Segment.io": {"unknown": [1, 2.5, None, "ü"]}}}
    added = add_source(
        here.store,
        SYSTEM,
        workspace_id=here.ours.id,
        asked=SourceRequest(name="Web", type=SourceType.JAVASCRIPT, settings=settings),
        rules=RULES,
        now=NOW,
    )

    assert show_source(here.store, SYSTEM, added.source.id, rules=RULES).source.settings == settings


def test_a_write_key_belongs_to_one_source(here: Installation) -> None:
    asked = SourceRequest(name="Web", type=SourceType.JAVASCRIPT, write_key="KEY_OF_SHOP")
    add = {"asked": asked, "rules": RULES, "now": NOW}
    add_source(here.store, SYSTEM, workspace_id=here.ours.id, **add)

    with pytest.raises(Conflict) as refused:
        add_source(here.store, SYSTEM, workspace_id=here.theirs.id, **add)
    assert refused.value.field == "write_key"


def test_a_page_begins_after_the_source_named(here: Installation) -> None:
    ids = [here.source().source.id for _ in range(3)]
    here.source(here.theirs)
    page = list_sources(
        here.store, SYSTEM, workspace_id=here.ours.id, rules=RULES, after=ids[0], limit=1
    )

    assert [view.source.id for view in page] == [ids[1]]


def test_a_foreign_source_is_neither_shown_nor_a_cursor(here: Installation) -> None:
    foreign = here.source(here.theirs).source.id
    viewer = a_caller(Role.VIEWER, here.ours)

    with pytest.raises(NotFound):
        show_source(here.store, viewer, foreign, rules=RULES)
    with pytest.raises(NotFound):
        list_sources(here.store, viewer, workspace_id=here.ours.id, rules=RULES, after=foreign)


def test_a_source_without_domain_has_no_snippet_yet(here: Installation) -> None:
    with pytest.raises(Conflict) as refused:
        show_snippet(here.source(), "html", is_standard=False, global_name="analytics")

    assert "add a domain" in refused.value.sentence


def test_the_only_workspace_is_implied_and_one_of_several_is_not(here: Installation) -> None:
    one = a_caller(Role.VIEWER, here.ours)
    both = a_caller(Role.VIEWER, here.ours, here.theirs)

    assert choose_workspace(here.store, one, None) == here.ours
    assert choose_workspace(here.store, both, here.theirs.id) == here.theirs
    with pytest.raises(Refused) as unsaid:
        choose_workspace(here.store, both, None)
    assert unsaid.value.code == "workspace-unsaid"
    with pytest.raises(NotFound):
        choose_workspace(here.store, one, here.theirs.id)
    with pytest.raises(Refused) as missing:
        choose_workspace(here.store, a_caller(Role.OWNER), None)
    assert missing.value.code == "workspace-missing"


def test_a_webhook_is_kept_with_its_path_and_gets_a_secret_of_its_own(
    here: Installation, tmp_path: Path
) -> None:
    rules = replace(RULES, edge_key=tmp_path / "edge.key")
    upstream = "webhook+https://hooks.example.com/in?team=1"
    views = [
        add_source(
            here.store,
            SYSTEM,
            workspace_id=here.ours.id,
            asked=SourceRequest(name="Hook", type=SourceType.PYTHON, upstream=upstream),
            rules=rules,
            now=NOW,
        )
        for _ in range(2)
    ]

    assert {view.source.upstream for view in views} == {upstream}
    assert len({view.new_secret for view in views}) == 2
    for view in views:
        opened = load_sealer(rules.edge_key).open(
            view.source.sealed_secret, context=f"webhook:{view.source.id}"
        )
        assert view.new_secret.startswith("whsec_")
        assert opened.decode() == view.new_secret
        assert view.new_secret not in repr(view)
        assert not show_source(here.store, SYSTEM, view.source.id, rules=rules).new_secret


@pytest.mark.parametrize(
    "typed",
    [
        "webhook+http://hooks.example.com/",
        "webhook+https://",
        "webhook+https://ann:secret@hooks.example.com/",
        "webhook+https://127.1/",
        "webhook+https://hooks.example.com/#x",
        "webhook+file:///etc/passwd",
    ],
)
def test_what_is_no_webhook_is_refused_with_an_example(typed: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_route("us", typed, RULES)

    assert refused.value.code == "upstream-not-webhook"


def test_files_are_written_only_where_the_operator_allows_it() -> None:
    with pytest.raises(Refused) as refused:
        parse_route("us", "files:ndjson", RULES)

    assert refused.value.code == "files-not-allowed"
    allowed = replace(RULES, has_files=True)
    assert parse_route("us", "files:parquet", allowed) == ("us", "files:parquet")
