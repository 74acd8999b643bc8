"""Records that a removed domain left behind, and a stranger who asks for the name: real servers."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import dns.asyncquery
import dns.message
import dns.rcode
import pytest

from firstparty.config.addresses import parse_address
from firstparty.model.claims import ClaimState
from firstparty.model.domains import Domain, Mode, build_records
from firstparty.model.feed import Topic
from firstparty.model.status import Intent
from firstparty.store import domains, feed, work, workspaces
from tests.builders import a_domain, a_workspace
from tests.integration.test_reconciler import (
    SERVICE_DOMAIN,
    Installation,
    run_installation,
    run_reconciler,
    small_edge,
)


def add_records(here: Installation, domain: Domain) -> None:
    """The owner's zone has these records from now on."""
    lines = [
        f"{one.name} 60 {one.type} {one.value}" for one in build_records(domain, SERVICE_DOMAIN)
    ]
    here.parent.load("shop.test", "@ 60 NS ns.shop.test.\n" + "\n".join(lines) + "\n")


def remove(here: Installation, domain: Domain) -> None:
    with here.store.write() as connection:
        domains.save_intent(connection, domain.id, Intent.REMOVED, drains=False)
        work.wake(connection, domain.id, now=domain.created_at)


def ask_as_a_stranger(here: Installation, mode: Mode) -> Domain:
    stranger = a_domain(
        id="dom_2",
        workspace_id="wsp_2",
        token="anothertoken00000002",
        source_ids=(),
        mode=mode,
        created_at=datetime.now(UTC),
    )
    with here.store.write() as connection:
        workspaces.add_workspace(connection, a_workspace(id="wsp_2", alias="otheralias"))
        domains.add_domain(connection, stranger)
        work.start_work(connection, stranger.id, now=stranger.created_at)
    return stranger


def state(here: Installation, domain: Domain) -> ClaimState:
    with here.store.read() as connection:
        return domains.load_claim(connection, domain.id).state


async def rcode_of(here: Installation, name: str) -> dns.rcode.Rcode:
    (text,) = here.settings.nameserver.check
    server = parse_address(text, key="nameserver.check")
    query = dns.message.make_query(name, "A")
    reply = await dns.asyncquery.udp(query, server.host, port=server.port, timeout=30)
    return reply.rcode()


@pytest.mark.parametrize("mode", [Mode.DELEGATION, Mode.CNAME])
async def test_what_a_removed_domain_left_gives_a_stranger_nothing(
    tmp_path: Path, mode: Mode
) -> None:
    async with run_installation(tmp_path, small_edge) as here, run_reconciler(here):
        first = here.ask_for(mode=mode)
        add_records(here, first)
        await here.until_live(first)
        remove(here, first)
        async with asyncio.timeout(30):
            while state(here, first) is not ClaimState.RELEASED:
                await asyncio.sleep(0.02)
        stranger = ask_as_a_stranger(here, mode)
        async with asyncio.timeout(30):
            while not (findings := here.seen(stranger).findings):
                await asyncio.sleep(0.02)
        async with asyncio.timeout(30):  # a server follows the store a moment later
            while await rcode_of(here, first.cdn_host) is not dns.rcode.REFUSED:
                await asyncio.sleep(0.02)
        with here.store.read() as connection:
            edge = feed.read_changes(connection, [Topic.EDGE], after=0)

        assert state(here, stranger) is ClaimState.PENDING
        assert {one.code for one in findings} <= {"delegated-elsewhere", "cname-wrong-target"}
        assert [entry.body for entry in edge if entry.body is not None] == []

        # The rig can prove: the stranger's own records do.
        add_records(here, stranger)
        async with asyncio.timeout(30):
            while state(here, stranger) is not ClaimState.PROVED:
                await asyncio.sleep(0.02)
