from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from firstparty.control.callers import SYSTEM
from firstparty.control.domains import (
    DomainRequest,
    check_domain,
    list_domains,
    pause_domain,
    remove_domain,
    request_domain,
    resume_domain,
    show_domain,
)
from firstparty.control.views import DomainView, build_view
from firstparty.control.workspaces import add_workspace
from firstparty.errors import Conflict, Forbidden, NotFound, Refused
from firstparty.model.claims import ClaimState, move_claim
from firstparty.model.domains import Mode
from firstparty.model.findings import DnsRecord
from firstparty.model.status import Word
from firstparty.model.workspaces import Role, SourceType, Workspace
from firstparty.store import domains, tables, work
from firstparty.store.domains import DomainFilter
from firstparty.store.engine import Store
from tests.builders import NOW
from tests.installation import RULES, Installation, a_caller, an_installation


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    return an_installation(tmp_path)


def ask(here: Installation, workspace: Workspace | None = None, **parts: Any) -> DomainView:
    workspace = workspace or here.ours
    if "source_ids" not in parts:
        parts["source_ids"] = (here.source(workspace).source.id,)
    good: dict[str, Any] = {"name": "cdp.shop.com"}
    return request_domain(
        here.store,
        SYSTEM,
        workspace_id=workspace.id,
        asked=DomainRequest(**(good | parts)),
        rules=RULES,
        now=NOW,
    )


def refused_code(here: Installation, **parts: Any) -> str:
    with pytest.raises(Refused) as refused:
        ask(here, **parts)
    return refused.value.code


def prove(here: Installation, view: DomainView) -> None:
    with here.store.write() as connection:
        claim = domains.load_claim(connection, view.domain.id)
        domains.save_claim(connection, move_claim(claim, ClaimState.PROVED), now=NOW)


def sleep_for_ever(store: Store) -> None:
    with store.write() as connection:
        connection.execute(update(tables.statuses).values(due_at=None))


def is_due(store: Store) -> bool:
    with store.read() as connection:
        return work.next_due_at(connection) == NOW


def test_a_domain_asked_for_waits_for_exactly_its_claims_records(here: Installation) -> None:
    view = ask(here, name=" CDP.Shop.com. ")
    token = view.domain.token

    assert view.word is Word.WAITING
    assert [(one.record, one.found) for one in view.records] == [
        (
            DnsRecord(name="cdp.shop.com.", type="NS", value=f"{letter}-{token}.ns.fp.test."),
            False,
        )
        for letter in "ab"
    ]
    assert view.domain.hosts == ("evs.cdp.shop.com", "api.cdp.shop.com")
    assert is_due(here.store)


def test_a_record_is_found_whatever_its_case(here: Installation) -> None:
    view = ask(here)
    wanted = view.records[0].record
    seen = replace(view.observation, seen=(replace(wanted, value=wanted.value.upper()[:-1]),))
    shown = build_view(view.domain, seen, view.sources, RULES, dnskey=None)

    assert [one.found for one in shown.records] == [True, False]


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ({"name": "shop.com"}, "name-is-apex"),
        ({"name": "x.fp.test"}, "name-is-ours"),
        ({"name": "a." * 122 + "shop.com"}, "name-too-long"),
        ({"cdn_label": "x", "api_label": "X"}, "labels-equal"),
        ({"cdn_label": "a.b"}, "label-invalid"),
        ({"api_label": ""}, "label-invalid"),
        ({"source_ids": ()}, "sources-missing"),
        ({"source_ids": ("src_nothing",)}, "not-found"),
        ({"description": "x" * 2_001}, "description-too-long"),
        ({"description": "\x1b[2J"}, "text-has-control-character"),
    ],
)
def test_each_rule_of_a_request_has_its_code(
    here: Installation, parts: dict[str, Any], code: str
) -> None:
    assert refused_code(here, **parts) == code


def test_the_first_source_is_a_javascript_one(here: Installation) -> None:
    web = here.source().source.id
    orders = here.source(kind=SourceType.PYTHON).source.id

    assert refused_code(here, source_ids=(orders, web)) == "first-source-not-javascript"
    view = ask(here, source_ids=(web, orders, web))
    assert [source.source.id for source in view.sources] == [web, orders]
    assert view.sources[1].facts is not None
    assert view.sources[1].facts.api_origin == "https://api.cdp.shop.com"


def test_a_source_of_another_workspace_does_not_exist(here: Installation) -> None:
    with pytest.raises(NotFound):
        ask(here, source_ids=(here.source(here.theirs).source.id,))


def test_a_source_has_one_domain_until_that_is_removed(here: Installation) -> None:
    source_ids = (here.source().source.id,)
    first = ask(here, source_ids=source_ids)
    again = {"name": "cdp.other.com", "source_ids": source_ids}

    assert refused_code(here, **again) == "source-has-domain"
    remove_domain(here.store, SYSTEM, first.domain.id, rules=RULES, now=NOW)
    assert ask(here, **again).domain.name == "cdp.other.com"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("cdp.shop.com", "domain-exists"),
        ("x.cdp.shop.com", "domain-overlaps"),
        ("other.shop.com", None),
        ("xcdp.shop.com", None),
    ],
)
def test_a_workspace_has_a_name_once_and_nothing_under_it(
    here: Installation, name: str, code: str | None
) -> None:
    ask(here)
    if code is None:
        assert ask(here, name=name).word is Word.WAITING
    else:
        assert refused_code(here, name=name) == code


def test_a_name_above_a_domain_of_ones_own_is_refused(here: Installation) -> None:
    ask(here, name="x.cdp.shop.com")

    assert refused_code(here, name="cdp.shop.com") == "domain-overlaps"


@pytest.mark.parametrize("name", ["cdp.shop.com", "x.cdp.shop.com"])
def test_anothers_claim_is_seen_only_once_it_is_proved(here: Installation, name: str) -> None:
    theirs = ask(here, here.theirs)
    ask(here, name=name)
    prove(here, theirs)

    third = add_workspace(here.store, SYSTEM, name="Third", now=NOW)
    with pytest.raises(Conflict) as refused:
        ask(here, third, name=name)
    assert refused.value.code == "name-taken"


def test_a_name_above_one_that_another_proved_is_taken(here: Installation) -> None:
    prove(here, ask(here, here.theirs, name="x.cdp.shop.com"))

    assert refused_code(here, name="cdp.shop.com") == "name-taken"


def test_a_claims_token_is_never_used_again(here: Installation) -> None:
    first = ask(here)
    remove_domain(here.store, SYSTEM, first.domain.id, rules=RULES, now=NOW)
    second = ask(here)

    assert second.domain.token != first.domain.token
    assert {one.record.value for one in second.records}.isdisjoint(
        one.record.value for one in first.records
    )


def test_each_change_of_intent_wakes_the_reconciler(here: Installation) -> None:
    domain_id = ask(here).domain.id
    words = []
    for change in (check_domain, pause_domain, resume_domain, remove_domain):
        sleep_for_ever(here.store)
        words.append(change(here.store, SYSTEM, domain_id, rules=RULES, now=NOW).word)
        assert is_due(here.store)

    assert words == [Word.WAITING, Word.PAUSED, Word.WAITING, Word.REMOVED]


def test_the_same_intent_again_changes_and_wakes_nothing(here: Installation) -> None:
    domain_id = ask(here).domain.id
    pause_domain(here.store, SYSTEM, domain_id, rules=RULES, now=NOW)
    sleep_for_ever(here.store)
    again = pause_domain(here.store, SYSTEM, domain_id, rules=RULES, now=NOW)

    assert again.word is Word.PAUSED
    assert not is_due(here.store)


def test_a_removed_domain_stays_removed(here: Installation) -> None:
    domain_id = ask(here).domain.id
    remove_domain(here.store, SYSTEM, domain_id, rules=RULES, now=NOW)

    for change in (check_domain, pause_domain, resume_domain):
        with pytest.raises(Conflict) as refused:
            change(here.store, SYSTEM, domain_id, rules=RULES, now=NOW)
        assert refused.value.code == "domain-removed"
    removed = remove_domain(here.store, SYSTEM, domain_id, rules=RULES, now=NOW)
    assert removed.word is Word.REMOVED
    assert list_domains(here.store, SYSTEM, workspace_id=here.ours.id, rules=RULES) == []


def test_a_paused_domain_is_not_checked(here: Installation) -> None:
    domain_id = ask(here).domain.id
    pause_domain(here.store, SYSTEM, domain_id, rules=RULES, now=NOW)

    with pytest.raises(Conflict) as refused:
        check_domain(here.store, SYSTEM, domain_id, rules=RULES, now=NOW)
    assert "resume it" in refused.value.sentence


def test_a_domain_is_found_by_its_name_as_people_write_it(here: Installation) -> None:
    ask(here, name="daten.bücher.de")
    ask(here, name="cdp.shop.com")
    found = list_domains(
        here.store,
        SYSTEM,
        workspace_id=here.ours.id,
        rules=RULES,
        only=DomainFilter(name="Daten.Bücher.de."),
    )

    assert [view.domain.name for view in found] == ["daten.xn--bcher-kva.de"]


def test_a_viewer_looks_and_changes_nothing(here: Installation) -> None:
    domain_id = ask(here).domain.id
    viewer = a_caller(Role.VIEWER, here.ours)

    assert show_domain(here.store, viewer, domain_id, rules=RULES).word is Word.WAITING
    for change in (check_domain, pause_domain, resume_domain, remove_domain):
        with pytest.raises(Forbidden):
            change(here.store, viewer, domain_id, rules=RULES, now=NOW)


def test_trackerish_labels_get_advice_and_others_none(here: Installation) -> None:
    plain = ask(here)
    tracking = ask(here, name="cdp.other.com", cdn_label="analytics", api_label="Track")

    assert plain.warnings == ()
    assert [advice.code for advice in tracking.warnings] == ["label-trackerish"] * 2


def test_a_cname_gets_advice_on_what_it_costs_and_two_cname_records(here: Installation) -> None:
    view = ask(here, mode=Mode.CNAME)

    assert [advice.code for advice in view.warnings] == ["mode-cname"]
    assert [(one.record.name, one.record.type) for one in view.records] == [
        (f"{host}.", "CNAME") for host in view.domain.hosts
    ]


def test_every_change_is_audited_with_who_and_what(here: Installation) -> None:
    domain_id = ask(here).domain.id
    editor = a_caller(Role.EDITOR, here.ours)
    pause_domain(here.store, editor, domain_id, rules=RULES, now=NOW)
    with here.store.read() as connection:
        rows = connection.execute(
            tables.audit.select().where(tables.audit.c.subject == domain_id)
        ).all()

    assert [(row.actor, row.action) for row in rows] == [
        ("system", "domain.requested"),
        ("token:tok_1", "domain.paused"),
    ]
