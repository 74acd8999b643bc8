"""SIGKILL at every step of an issuance: a real process, a real CA, and what is left of both.

The process ends before and after each commit to its store, and at each request to the CA: before
the CA sees it, or when the CA has acted and the answer is lost. A few here; every single one with
``FIRSTPARTY_EVERY_DEATH=1``, which takes minutes.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from subprocess import Popen

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import update

from firstparty.config.addresses import Address
from firstparty.demo.pebble import Pebble, PebblePorts, run_pebble
from firstparty.model.domains import Domain
from firstparty.model.status import Word
from firstparty.store import tables
from tests.fakes.chaos_acme import Chaos, run_chaos
from tests.fakes.ports import free_ports
from tests.fakes.reconciled import World
from tests.fakes.reconciler_process import name_domain

pytestmark = [pytest.mark.needs("pebble"), pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]
COMMITS = ("before commit", "after commit")
REQUESTS = ("request", "answer")
SPKI = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@dataclass
class Death:
    """Where the process ends: the ``number``-th such moment, of this resource or of any."""

    moment: str
    number: int = 1
    resource: str = ""
    process: Popen[bytes] | None = None

    async def is_end(self, moment: str, resource: str) -> bool:
        """Whether the process that asks has been killed here."""
        if moment != self.moment or self.resource not in ("", resource) or self.number == 0:
            return False
        self.number -= 1
        if self.number or self.process is None:
            return False
        self.process.kill()
        await asyncio.to_thread(self.process.wait)
        return True


@dataclass
class Rig:
    world: World
    chaos: Chaos
    trust: Path

    @contextmanager
    def reconciler(self, death: Death | None = None) -> Iterator[Popen[bytes]]:
        told = {
            "store": str(self.world.store.engine.url),
            "directory": self.chaos.directory_url,
            "trust": str(self.trust),
            "moment": death.moment if death else "",
            "number": death.number if death else 0,
        }
        environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
        command = [sys.executable, "-m", "tests.fakes.acme_process", json.dumps(told)]
        with Popen(command, cwd=ROOT, env=environment) as process:
            try:
                yield process
            finally:
                process.kill()

    def let_leases_run_out(self) -> None:
        """As if the seconds had passed that a dead worker's lease lasts."""
        now = datetime.now(UTC)
        with self.world.store.write() as connection:
            connection.execute(update(tables.statuses).values(leased_until=now, due_at=now))


@asynccontextmanager
async def a_rig(folder: Path) -> AsyncIterator[Rig]:
    acme, management, http, tls = free_ports(4)
    pebble = Pebble(
        folder=folder / "pebble",
        roots=folder / "roots.pem",
        ports=PebblePorts(acme=acme, management=management, http=http, tls=tls),
        dns_server=Address("127.0.0.1", 53),
    )
    async with run_pebble(pebble, nonce_reject_percent=0), run_chaos(pebble) as chaos:
        world = World.make(folder)
        world.outside.clock.now = datetime.now(UTC)
        try:
            yield Rig(world, chaos, pebble.ca_bundle)
        finally:
            world.store.close()


async def until_live(rig: Rig, domain: Domain) -> None:
    async with asyncio.timeout(90):
        while rig.world.word(domain) is not Word.LIVE:
            await asyncio.sleep(0.05)


async def issue(rig: Rig, death: Death) -> bool:
    """Take a new domain live through a death; whether there was one."""
    domain = rig.world.ask_for(**name_domain(0))
    with rig.reconciler(death) as process:
        death.process, rig.chaos.is_end = process, death.is_end
        async with asyncio.timeout(90):
            while process.poll() is None and rig.world.word(domain) is not Word.LIVE:
                await asyncio.sleep(0.05)
        has_died = process.poll() is not None
    rig.chaos.is_end = None
    rig.let_leases_run_out()
    with rig.reconciler():
        await until_live(rig, domain)
    check_what_is_left(rig, domain)
    return has_died


def check_what_is_left(rig: Rig, domain: Domain) -> None:
    case = rig.world.case(domain)
    assert case.certificate is not None
    assert case.zone is not None
    leaf = x509.load_pem_x509_certificate(case.certificate.chain.encode())
    keys: dict[str, set[bytes]] = {}
    for order, csr in rig.chaos.requests:
        key = x509.load_der_x509_csr(csr).public_key().public_bytes(*SPKI)
        keys.setdefault(order, set()).add(key)
    used = [key for of_order in keys.values() for key in of_order]

    assert rig.world.count(tables.certificates) == 1
    assert rig.world.count(tables.orders) == 1
    assert leaf.public_key().public_bytes(*SPKI) in used
    assert len(used) == len(set(used)) == len(keys) == 1
    assert len(rig.chaos.orders) <= 2  # one whose answer was lost, and the one that was kept
    assert case.order is None
    assert case.zone.txt == {}


@pytest.fixture(autouse=True)
def _every_challenge_is_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    """No validator asks our DNS here: what is served when is other tests' matter."""
    monkeypatch.setenv("PEBBLE_VA_ALWAYS_VALID", "1")


@pytest.mark.parametrize(
    "death",
    [
        Death("answer", resource="new-order"),
        Death("answer", resource="finalize"),
        Death("before commit", 5),
        Death("after commit", 6),
    ],
    ids=lambda death: f"{death.moment} {death.resource or death.number}",
)
async def test_killed_there_the_domain_goes_live_with_one_certificate_and_one_key(
    death: Death, tmp_path: Path
) -> None:
    async with a_rig(tmp_path) as rig:
        assert await issue(rig, death)


if "FIRSTPARTY_EVERY_DEATH" in os.environ:  # minutes: not a test that CI has to do without

    @pytest.mark.timeout(1800)
    @pytest.mark.parametrize("moment", [*COMMITS, *REQUESTS])
    async def test_killed_anywhere_the_domain_goes_live_with_one_certificate_and_one_key(
        moment: str, tmp_path: Path
    ) -> None:
        number, has_died = 0, True
        while has_died:
            number += 1
            folder = tmp_path / str(number)
            folder.mkdir()
            async with a_rig(folder) as rig:
                has_died = await issue(rig, Death(moment, number))

        print(f"{moment}: killed at {number - 1} places")  # noqa: T201 - the figure, with -s
        assert number > 8
