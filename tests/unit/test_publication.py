from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from firstparty.model.claims import ClaimState
from firstparty.model.status import Word
from firstparty.model.workspaces import Origin
from firstparty.reconciler.case import Case
from firstparty.reconciler.publication import Publication, build_publication
from tests.fakes.reconciled import SERVICE, World


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Case]:
    world = World.make(tmp_path)
    domain = world.ask_for()
    world.delegate(domain)
    await world.until(domain, Word.LIVE)
    yield world.case(domain)
    world.store.close()


def test_what_is_published_stays_the_same_while_nothing_changes(live: Case) -> None:
    publication = build_publication(live, SERVICE, serial=4_000_000_000)

    assert publication.zone == live.zone


@pytest.mark.parametrize("clock_serial", [0, 4_000_000_000])
def test_a_changed_zone_gets_a_greater_serial_whatever_the_clock_says(
    live: Case, clock_serial: int
) -> None:
    moved = replace(SERVICE, edge_addresses=("192.0.2.7",))
    publication = build_publication(live, moved, serial=clock_serial)

    assert publication.zone is not None
    assert live.zone is not None
    assert publication.zone.serial > live.zone.serial
    assert publication.zone.addresses == ("192.0.2.7",)


@pytest.mark.parametrize("state", [ClaimState.PENDING, ClaimState.RELEASED])
def test_a_claim_that_is_not_proved_publishes_nothing(live: Case, state: ClaimState) -> None:
    case = replace(live, claim=replace(live.claim, state=state))

    assert build_publication(case, SERVICE, serial=1) == Publication()


def test_the_edge_gets_aliases_as_paths_and_keys_only_sealed(live: Case) -> None:
    publication = build_publication(live, SERVICE, serial=1)
    body = msgspec.json.encode(publication)

    assert publication.edge is not None
    assert [one.alias for one in publication.edge.sources] == [
        "mU51AcorMiom6E8j2m1UJi/go18rexsDtdqGBkYKzwMqA"
    ]
    assert b"PRIVATE KEY" not in body


@pytest.mark.parametrize(
    ("origin", "mirrors_integrations", "cdn_upstream"),
    [
        (Origin.MIRROR, True, "https://cdn.test"),
        (Origin.MIRROR, False, "https://cdn.test"),
        (Origin.SELF_HOSTED, True, "https://cdn.test"),
        (Origin.SELF_HOSTED, False, ""),
    ],
)
def test_the_edge_is_told_whom_to_mirror_for_a_source(
    live: Case, *, origin: Origin, mirrors_integrations: bool, cdn_upstream: str
) -> None:
    case = replace(live, sources=tuple(replace(one, origin=origin) for one in live.sources))
    service = replace(
        SERVICE, cdn_upstream="https://cdn.test", mirrors_integrations=mirrors_integrations
    )
    publication = build_publication(case, service, serial=1)

    assert publication.edge is not None
    assert [(one.origin, one.cdn_upstream) for one in publication.edge.sources] == [
        (origin, cdn_upstream)
    ]
