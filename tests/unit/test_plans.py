from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firstparty.control.callers import SYSTEM
from firstparty.control.domains import DomainRequest, list_domains, remove_domain, request_domains
from firstparty.control.plans import set_plan
from firstparty.control.workspaces import show_workspace
from firstparty.errors import Conflict, Forbidden, NotFound, Refused
from firstparty.model.domains import Mode
from firstparty.model.plans import EVERYTHING, Plan
from firstparty.model.workspaces import Role, Workspace
from tests.builders import NOW
from tests.installation import RULES, Installation, a_caller, an_installation


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    return an_installation(tmp_path)


def asked(here: Installation, workspace: Workspace, name: str, **parts: Any) -> Any:
    source = here.source(workspace).source.id
    return workspace.id, DomainRequest(name=name, source_ids=(source,), **parts)


def ask(here: Installation, *requests: Any, caller: Any = SYSTEM) -> list[str]:
    views = request_domains(here.store, caller, asked=requests, rules=RULES, now=NOW)
    return [view.domain.id for view in views]


def names(here: Installation, workspace: Workspace) -> list[str]:
    found = list_domains(here.store, SYSTEM, workspace_id=workspace.id, rules=RULES)
    return sorted(view.domain.name for view in found)


def refused(kind: type[Refused], act: Callable[[], object]) -> Refused:
    with pytest.raises(kind) as caught:
        act()
    return caught.value


def test_a_workspace_may_use_everything_by_default(here: Installation) -> None:
    assert show_workspace(here.store, SYSTEM, here.ours.id).plan == EVERYTHING


def test_a_mode_that_is_not_in_the_plan_is_refused(here: Installation) -> None:
    set_plan(here.store, SYSTEM, here.ours.id, Plan(modes=(Mode.CNAME,)), now=NOW)
    ask(here, asked(here, here.ours, "a.shop.com", mode=Mode.CNAME))
    error = refused(Refused, lambda: ask(here, asked(here, here.ours, "b.shop.com")))

    assert (error.code, error.field) == ("mode-not-in-plan", "mode")
    assert names(here, here.ours) == ["a.shop.com"]


def test_so_many_domains_and_no_more_until_one_is_removed(here: Installation) -> None:
    set_plan(here.store, SYSTEM, here.ours.id, Plan(max_domains=1), now=NOW)
    (first,) = ask(here, asked(here, here.ours, "a.shop.com"))
    error = refused(Conflict, lambda: ask(here, asked(here, here.ours, "b.shop.com")))
    ask(here, asked(here, here.theirs, "c.shop.com"))
    remove_domain(here.store, SYSTEM, first, rules=RULES, now=NOW)
    ask(here, asked(here, here.ours, "b.shop.com"))

    assert error.code == "too-many-domains"
    assert names(here, here.ours) == ["b.shop.com"]


def test_domains_that_a_workspace_has_stay_when_its_plan_shrinks(here: Installation) -> None:
    ask(here, asked(here, here.ours, "a.shop.com"))
    workspace = set_plan(here.store, SYSTEM, here.ours.id, Plan(max_domains=0), now=NOW)

    assert workspace.plan == Plan(max_domains=0)
    assert names(here, here.ours) == ["a.shop.com"]


def test_only_an_operator_sets_a_plan(here: Installation) -> None:
    owner = a_caller(Role.OWNER, here.ours)
    error = refused(Forbidden, lambda: set_plan(here.store, owner, here.ours.id, Plan(), now=NOW))

    assert error.code


@pytest.mark.parametrize("plan", [Plan(modes=()), Plan(max_domains=-1)])
def test_plans_that_mean_nothing_are_refused(here: Installation, plan: Plan) -> None:
    with pytest.raises(Refused):
        set_plan(here.store, SYSTEM, here.ours.id, plan, now=NOW)


def test_each_of_several_workspaces_gets_its_own_subdomain(here: Installation) -> None:
    made = ask(
        here, asked(here, here.ours, "ours.shop.com"), asked(here, here.theirs, "theirs.shop.com")
    )

    assert len(made) == 2
    assert (names(here, here.ours), names(here, here.theirs)) == (
        ["ours.shop.com"],
        ["theirs.shop.com"],
    )


def test_of_several_none_is_made_if_one_is_refused_and_it_is_named(here: Installation) -> None:
    good, bad = asked(here, here.ours, "a.shop.com"), asked(here, here.ours, "shop.com")
    error = refused(Refused, lambda: ask(here, good, bad))

    assert error.field == "domains.1.name"
    assert str(error).startswith("shop.com: ")
    assert names(here, here.ours) == []


def test_two_of_several_cannot_have_one_name_or_one_source(here: Installation) -> None:
    twice = asked(here, here.ours, "a.shop.com")
    error = refused(Conflict, lambda: ask(here, twice, twice))

    assert error.code == "domain-exists"
    assert names(here, here.ours) == []


def test_several_of_somebody_elses_are_not_there(here: Installation) -> None:
    caller = a_caller(Role.OWNER, here.ours)
    requests = (
        asked(here, here.ours, "ours.shop.com"),
        asked(here, here.theirs, "theirs.shop.com"),
    )
    refused(NotFound, lambda: ask(here, *requests, caller=caller))

    assert names(here, here.ours) == []
