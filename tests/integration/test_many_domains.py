"""Many new domains at once against Pebble, which refuses half of all nonces.

A dozen here; with ``FIRSTPARTY_MANY_DOMAINS=500``, and ``FIRSTPARTY_DOMAINS_APART=1`` for their
records to come so many seconds apart and not at once, it prints the figures of docs/benchmarks.md
(``pytest -s``). Everything but Pebble runs in this one process.
"""

import asyncio
import json
import os
import statistics
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import func, select

from firstparty.config.addresses import Address
from firstparty.config.settings import AuthoritySettings, CertificatesSettings, LimitSettings
from firstparty.demo.pebble import Pebble, PebblePorts, run_pebble
from firstparty.model.domains import Domain, build_records
from firstparty.model.observations import Step
from firstparty.model.status import ProbeStatus
from firstparty.store import domains, tables, work, workspaces
from tests.builders import a_domain, a_source, a_workspace
from tests.fakes.ports import free_ports
from tests.integration.test_reconciler import (
    SERVICE_DOMAIN,
    Installation,
    run_installation,
    run_reconciler,
    small_edge,
)

NUMBER = int(os.environ.get("FIRSTPARTY_MANY_DOMAINS", "12"))
APART = float(os.environ.get("FIRSTPARTY_DOMAINS_APART", "0"))
NO_LIMITS = LimitSettings(
    new_accounts="",
    new_orders="",
    certificates_per_registered_domain="",
    duplicates="",
    failed_validations="",
)


def ask_for_all(here: Installation) -> list[Domain]:
    now = datetime.now(UTC)
    asked = [
        a_domain(
            id=f"dom_{number}",
            name=f"cdp.shop{number}.test",
            token=f"tokenofthisclaim{number:04}",
            source_ids=("src_1",),
            created_at=now,
        )
        for number in range(NUMBER)
    ]
    with here.store.write() as connection:
        workspaces.add_workspace(connection, a_workspace())
        workspaces.add_source(connection, a_source())
        for domain in asked:
            domains.add_domain(connection, domain)
            work.start_work(connection, domain.id, now=now)
    return asked


async def delegate(here: Installation, asked: list[Domain]) -> dict[str, datetime]:
    """Add the records at the parent, all at once or one domain's after the other's; when."""
    if not APART:
        load(here, asked)
        return {domain.id: datetime.now(UTC) for domain in asked}
    since = {}
    for domain in asked:
        load(here, [domain])
        since[domain.id] = datetime.now(UTC)
        await asyncio.sleep(APART)
    return since


def load(here: Installation, asked: list[Domain], *, delegated: bool = True) -> None:
    """The owners' zones: names of one would share its servers' patience."""
    for domain in asked:
        zone = domain.name.partition(".")[2]
        records = build_records(domain, SERVICE_DOMAIN) if delegated else ()
        lines = [f"{record.name} 60 NS {record.value}\n" for record in records]
        here.parent.load(zone, f"@ 60 NS ns.{zone}.\n" + "".join(lines))


async def until(here: Installation, condition: object) -> None:
    async with asyncio.timeout(100 + 4 * NUMBER):
        while True:
            with here.store.read() as connection:
                count = select(func.count()).select_from(tables.statuses).where(condition)  # type: ignore[arg-type]
                if connection.execute(count).scalar_one() == NUMBER:
                    return
            await asyncio.sleep(0.1)


def use(here: Installation, pebble: Pebble) -> None:
    authority = AuthoritySettings(
        directory=pebble.directory_url,
        ca_bundle=str(pebble.ca_bundle),
        roots=str(pebble.roots),
        limits=NO_LIMITS,
    )
    (parent,) = here.settings.resolver.stub_zones.values()
    zones = {f"shop{number}.test": parent for number in range(NUMBER)}
    here.settings = msgspec.structs.replace(
        here.settings,
        resolver=msgspec.structs.replace(here.settings.resolver, stub_zones=zones),
        certificates=CertificatesSettings(authority="pebble", authorities={"pebble": authority}),
    )


@pytest.mark.needs("pebble")
@pytest.mark.timeout(200 + (4 + APART) * NUMBER)
async def test_many_new_domains_go_live_with_one_certificate_each_and_no_key_used_twice(
    tmp_path: Path,
) -> None:
    async with run_installation(tmp_path, small_edge) as here:
        acme, management, http, tls = free_ports(4)
        (dns_server,) = here.settings.nameserver.check
        host, _, port = dns_server.rpartition(":")
        pebble = Pebble(
            folder=tmp_path / "pebble",
            roots=tmp_path / "ca.pem",
            ports=PebblePorts(acme=acme, management=management, http=http, tls=tls),
            dns_server=Address(host, int(port)),
        )
        use(here, pebble)
        async with run_pebble(pebble, nonce_reject_percent=50), run_reconciler(here):
            asked = ask_for_all(here)
            load(here, asked, delegated=False)
            await until(here, func.json_array_length(tables.statuses.c.findings) > 0)
            cpu = time.process_time()
            since = await delegate(here, asked)
            await until(here, tables.statuses.c.probe == ProbeStatus.PASSED)
            cpu = time.process_time() - cpu
        with here.store.read() as connection:
            issued = connection.execute(select(tables.certificates)).all()
            orders = connection.execute(select(tables.orders)).all()
            seen = work.load_observations(connection, [domain.id for domain in asked])
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    leaves = [x509.load_pem_x509_certificate(one.chain.encode()) for one in issued]
    keys = {leaf.public_key().public_bytes(*form) for leaf in leaves}
    took = sorted(
        (one.stopwatch[Step.LIVE] - since[key]).total_seconds() for key, one in seen.items()
    )
    print(  # noqa: T201 - the figure, with -s
        json.dumps(
            {
                "domains": NUMBER,
                "apart, s": APART,
                "orders": len(orders),
                "right DNS to HTTPS on both hosts, s": {
                    "median": round(statistics.median(took), 2),
                    "p95": round(took[int(len(took) * 0.95)], 2),
                    "all": round(took[-1], 2),
                },
                "CPU of everything but Pebble, s": round(cpu, 1),
            }
        )
    )

    assert Counter(one.domain_id for one in issued) == {domain.id: 1 for domain in asked}
    assert len(keys) == NUMBER
