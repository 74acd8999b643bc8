"""Where a source's messages go, changed; and the secret of its webhook."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from firstparty.control.callers import SYSTEM
from firstparty.control.rules import Rules
from firstparty.control.source_changes import SourceChange, change_source
from firstparty.control.sources import SourceView, show_source
from firstparty.control.webhook_rotation import drop_old_secret, rotate_secret
from firstparty.errors import Conflict, Forbidden, Refused
from firstparty.model.workspaces import Role
from firstparty.store.sealing import load_sealer
from tests.builders import NOW
from tests.installation import RULES, Installation, a_caller, an_installation

US, EU = RULES.upstreams["us"], RULES.upstreams["eu"]
HOOK = "webhook+https://hooks.example.com/in"


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    return an_installation(tmp_path)


@pytest.fixture
def rules(tmp_path: Path) -> Rules:
    return replace(RULES, edge_key=tmp_path / "edge.key")


def change(here: Installation, rules: Rules, source_id: str, **parts: Any) -> SourceView:
    asked = SourceChange(**parts)
    return change_source(here.store, SYSTEM, source_id, change=asked, rules=rules, now=NOW)


def opened(rules: Rules, view: SourceView) -> list[str]:
    sealer, source = load_sealer(rules.edge_key), view.source
    sealed = (source.sealed_secret, source.sealed_old_secret)
    return [sealer.open(one, context=f"webhook:{source.id}").decode() for one in sealed if one]


@pytest.mark.parametrize(
    ("steps", "route"),
    [
        ([{"region": "eu"}], ("eu", EU)),
        ([{"upstream": "https://own.example.com"}], ("us", "https://own.example.com")),
        (
            [{"upstream": "https://own.example.com"}, {"region": "eu"}],
            ("eu", "https://own.example.com"),
        ),
        ([{"upstream": "https://own.example.com"}, {"upstream": ""}], ("us", US)),
        ([{"region": "eu", "upstream": ""}], ("eu", EU)),
    ],
)
def test_what_was_the_regions_own_upstream_follows_the_region(
    here: Installation, rules: Rules, steps: list[dict[str, str]], route: tuple[str, str]
) -> None:
    source_id = here.source().source.id
    for step in steps:
        change(here, rules, source_id, **step)
    source = show_source(here.store, SYSTEM, source_id, rules=rules).source

    assert (source.region, source.upstream) == route


@pytest.mark.parametrize(
    ("parts", "field", "code"),
    [
        ({"region": "mars"}, "region", "region-unknown"),
        ({"upstream": EU}, "upstream", "upstream-of-other-region"),
        ({"upstream": "ftp://x"}, "upstream", "upstream-not-origin"),
        ({"upstream": "webhook+http://x.example.com"}, "upstream", "upstream-not-webhook"),
        ({"upstream": "files:ndjson"}, "upstream", "files-not-allowed"),
        ({"name": " "}, "name", "title-empty"),
    ],
)
def test_a_bad_route_is_refused_by_its_field_and_all_stays(
    here: Installation, rules: Rules, parts: dict[str, str], field: str, code: str
) -> None:
    before = here.source().source

    with pytest.raises(Refused) as refused:
        change(here, rules, before.id, **parts)
    assert (refused.value.field, refused.value.code) == (field, code)
    assert show_source(here.store, SYSTEM, before.id, rules=rules).source == before


def test_a_source_that_comes_to_a_webhook_gets_a_secret_and_loses_it_again(
    here: Installation, rules: Rules
) -> None:
    source_id = here.source().source.id
    hooked = change(here, rules, source_id, upstream=HOOK)
    moved = change(here, rules, source_id, upstream=f"{HOOK}/2")
    left = change(here, rules, source_id, upstream="")

    assert opened(rules, hooked) == [hooked.new_secret]
    assert opened(rules, moved) == [hooked.new_secret]
    assert moved.new_secret == ""
    assert opened(rules, left) == []


def test_a_new_secret_stands_beside_the_old_one_until_that_is_dropped(
    here: Installation, rules: Rules
) -> None:
    first = change(here, rules, here.source().source.id, upstream=HOOK)
    source_id = first.source.id
    rotated = rotate_secret(here.store, SYSTEM, source_id, rules=rules, now=NOW)
    with pytest.raises(Conflict, match="signs still"):
        rotate_secret(here.store, SYSTEM, source_id, rules=rules, now=NOW)
    dropped = drop_old_secret(here.store, SYSTEM, source_id, rules=rules, now=NOW)

    assert opened(rules, rotated) == [rotated.new_secret, first.new_secret]
    assert opened(rules, dropped) == [rotated.new_secret]
    with pytest.raises(Conflict, match="nothing to drop"):
        drop_old_secret(here.store, SYSTEM, source_id, rules=rules, now=NOW)


def test_only_an_editor_rotates_and_only_a_webhooks_secret(
    here: Installation, rules: Rules
) -> None:
    source_id = here.source().source.id
    viewer = a_caller(Role.VIEWER, here.ours)

    with pytest.raises(Forbidden):
        rotate_secret(here.store, viewer, source_id, rules=rules, now=NOW)
    with pytest.raises(Conflict, match="no webhook"):
        rotate_secret(here.store, SYSTEM, source_id, rules=rules, now=NOW)
