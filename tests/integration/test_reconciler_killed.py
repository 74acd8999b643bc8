"""Reconcilers in processes of their own, killed with SIGKILL and stopped with SIGSTOP."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from subprocess import PIPE, Popen

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import select

from firstparty.model.domains import Domain
from firstparty.model.status import ProbeStatus
from firstparty.store import tables
from firstparty.store.engine import Store
from firstparty.store.migrate import migrate
from tests.fakes.reconciled import World
from tests.fakes.reconciler_process import name_domain
from tests.postgres import running_postgres

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("initdb"))])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'store.db'}"
        return
    with running_postgres() as made:
        yield made


@pytest.fixture
def world(url: str) -> Iterator[World]:
    store = Store(url)
    migrate(store)
    made = World.of(store)
    made.outside.clock.now = datetime.now(UTC)
    yield made
    store.close()


@contextmanager
def reconciler(url: str, folder: Path, number: int, name: str = "all") -> Iterator[Popen[bytes]]:
    place = folder / name
    place.mkdir(exist_ok=True)
    command = ["-m", "tests.fakes.reconciler_process", url, str(number)]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    with Popen(
        [sys.executable, *command, str(place)], stderr=PIPE, cwd=ROOT, env=environment
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()


def count_live(world: World) -> int:
    passed = select(tables.statuses).where(tables.statuses.c.probe == ProbeStatus.PASSED)
    with world.store.read() as connection:
        return len(connection.execute(passed).all())


async def until_live(world: World, number: int) -> None:
    async with asyncio.timeout(120):
        while count_live(world) < number:
            await asyncio.sleep(0.05)


def served_keys(world: World, domains: list[Domain]) -> list[bytes]:
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    keys = []
    for domain in domains:
        certificate = world.case(domain).certificate
        assert certificate is not None
        leaf = x509.load_pem_x509_certificate(certificate.chain.encode())
        keys.append(leaf.public_key().public_bytes(*form))
    return keys


async def test_killed_again_and_again_every_domain_gets_one_certificate(
    world: World, url: str, tmp_path: Path
) -> None:
    domains = [world.ask_for(**name_domain(number)) for number in range(4)]
    random, deaths = Random(20), 0
    while deaths < 2 and count_live(world) < len(domains):
        with reconciler(url, tmp_path, len(domains)):
            before = world.count(tables.feed)
            async with asyncio.timeout(60):
                while world.count(tables.feed) == before and count_live(world) < len(domains):
                    await asyncio.sleep(0.002)
            await asyncio.sleep(random.random() / 20)
        deaths += 1
    with reconciler(url, tmp_path, len(domains)):
        await until_live(world, len(domains))

    assert deaths >= 1
    assert world.count(tables.certificates) == len(domains)
    assert len(set(served_keys(world, domains))) == len(domains)


async def test_one_that_is_stopped_with_a_lease_is_replaced_and_changes_nothing_afterwards(
    world: World, url: str, tmp_path: Path
) -> None:
    domain = world.ask_for(**name_domain(0))
    (tmp_path / "stopped").mkdir()
    (tmp_path / "stopped" / "hold").touch()
    with reconciler(url, tmp_path, 1, "stopped") as stopped:
        async with asyncio.timeout(60):
            while not (tmp_path / "stopped" / "held").exists():
                await asyncio.sleep(0.01)
        stopped.send_signal(signal.SIGSTOP)
        with reconciler(url, tmp_path, 1):
            await until_live(world, 1)
        before = world.case(domain)
        (tmp_path / "stopped" / "hold").unlink()
        stopped.send_signal(signal.SIGCONT)
        log = await asyncio.to_thread(read_until, stopped, b"domain.lease_lost")

    assert b"domain.lease_lost" in log
    assert before.certificate == world.case(domain).certificate
    assert world.count(tables.certificates) == 1


def read_until(process: Popen[bytes], words: bytes) -> bytes:
    """What the process prints until it says this."""
    assert process.stderr is not None
    text = b""
    for line in process.stderr:
        text += line
        if words in line:
            break
    return text
