from pathlib import Path

import pytest

from firstparty.cdn.directory import Directory
from firstparty.control.aliases import drop_old_alias, rotate_alias
from firstparty.control.callers import SYSTEM
from firstparty.errors import Conflict, Forbidden
from firstparty.model.feed import Topic
from firstparty.model.workspaces import Role
from firstparty.reconciler.publication import Service
from firstparty.reconciler.source_feed import publish_changed
from tests.builders import NOW, an_edge_source
from tests.installation import RULES, Installation, a_caller, an_installation
from tests.unit.test_default_hosts import AnySource, an_entry, the_default_hosts


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    return an_installation(tmp_path)


def test_a_new_alias_stands_beside_the_old_one_until_that_is_dropped(here: Installation) -> None:
    before = here.source()
    rotated = rotate_alias(here.store, SYSTEM, before.source.id, rules=RULES, now=NOW)
    with pytest.raises(Conflict, match="still served"):
        rotate_alias(here.store, SYSTEM, before.source.id, rules=RULES, now=NOW)
    dropped = drop_old_alias(here.store, SYSTEM, before.source.id, rules=RULES, now=NOW)

    assert rotated.alias_path != before.alias_path
    assert rotated.old_alias_path == before.alias_path
    assert (dropped.alias_path, dropped.old_alias_path) == (rotated.alias_path, "")
    with pytest.raises(Conflict, match="nothing to drop"):
        drop_old_alias(here.store, SYSTEM, before.source.id, rules=RULES, now=NOW)


def test_a_viewer_rotates_nothing(here: Installation) -> None:
    viewer = a_caller(Role.VIEWER, here.ours)

    with pytest.raises(Forbidden):
        rotate_alias(here.store, viewer, here.source().source.id, rules=RULES, now=NOW)


def test_the_edge_is_told_of_a_rotation(here: Installation) -> None:
    service = Service(domain="fp.test", edge_addresses=())
    source_id = here.source().source.id
    counts = [publish_changed(here.store, service)]
    rotate_alias(here.store, SYSTEM, source_id, rules=RULES, now=NOW)
    counts.append(publish_changed(here.store, service))

    assert counts == [1, 1]


def test_both_aliases_are_served_and_a_dropped_one_is_not() -> None:
    directory = Directory(https_port=443)
    default = the_default_hosts()
    directory.apply([an_entry(Topic.EDGE, default.id, default, 1)])
    served = []
    for revision, old in enumerate(("ws/old", ""), start=2):
        source = an_edge_source(alias="ws/new", old_alias=old)
        body = AnySource(workspace="wsp_1", source=source)
        directory.apply([an_entry(Topic.SOURCES, source.id, body, revision)])
        tenant = directory.find("cdn.fp.test")
        assert tenant is not None
        served.append(set(tenant.by_alias))

    assert served == [{"ws/new", "ws/old"}, {"ws/new"}]
