"""The probe over HTTPS against a small real TLS server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from firstparty.certs.keys import build_csr, new_private_key
from firstparty.certs.local import LocalAuthority, new_local_root
from firstparty.certs.progress import Issued
from firstparty.config.addresses import Address
from firstparty.model.certificates import sealing_context
from firstparty.model.feed import EdgeCertificate, FeedEntry, Topic
from firstparty.reconciler.edge_probe import HttpsEdgeProbe
from firstparty.reconciler.probed import Check, HostsAnswer, ProbeTarget
from firstparty.reconciler.trust import Trust
from firstparty.reconciler.watch import judge_hosts, judge_library
from firstparty.store.sealing import Sealer
from tests.builders import an_edge_domain
from tests.fakes.ports import free_ports
from tests.fakes.tls_edge import TlsEdge, run_tls_edge

SEALER = Sealer(b"e" * 32)
HOSTS = ("evs.cdp.shop.test", "api.cdp.shop.test")
TARGET = ProbeTarget(cdn_host=HOSTS[0], api_host=HOSTS[1], write_key="WKSHOPWEB")


@dataclass
class Rig:
    edge: TlsEdge
    probe: HttpsEdgeProbe
    root: Path
    authority: LocalAuthority

    async def publish(self, names: tuple[str, ...] = HOSTS) -> None:
        key = new_private_key()
        issued = await self.authority.begin(names, build_csr(key, names))
        assert isinstance(issued, Issued)
        certificate = EdgeCertificate(
            id="crt_1",
            chain=issued.chain,
            sealed_key=SEALER.seal(key, context=sealing_context("crt_1")),
            not_after=datetime.now(UTC),
        )
        body = msgspec.json.encode(an_edge_domain(certificate=certificate))
        self.edge.apply([FeedEntry(revision=1, topic=Topic.EDGE, key="dom_1", body=body)])

    def trust(self) -> None:
        self.root.write_bytes(self.authority.root_certificate)

    async def ask(self) -> HostsAnswer:
        return await self.probe.ask_hosts(TARGET)


@asynccontextmanager
async def run_rig(folder: Path) -> AsyncIterator[Rig]:
    edge, root = TlsEdge(folder, SEALER), folder / "roots.pem"
    async with run_tls_edge(edge) as address:
        yield Rig(
            edge=edge,
            probe=HttpsEdgeProbe([address], Trust([root])),
            root=root,
            authority=LocalAuthority(new_local_root(datetime.now(UTC))),
        )


def troubles(answer: HostsAnswer) -> set[str | None]:
    return {one.trouble for one in answer.answers}


async def test_both_hosts_are_asked_with_their_own_names_and_pass(tmp_path: Path) -> None:
    async with run_rig(tmp_path) as rig:
        rig.trust()
        await rig.publish()
        answer = await rig.ask()

    assert judge_hosts(answer, has_been_live=False) == ()
    assert {(one.check, one.host) for one in answer.answers} == {
        (Check.SETTINGS, HOSTS[0]),
        (Check.SCRIPT, HOSTS[0]),
        (Check.PREFLIGHT, HOSTS[1]),
        (Check.MESSAGE, HOSTS[1]),
    }
    assert rig.edge.bodies == [{"writeKey": TARGET.write_key, "batch": []}]


async def test_the_default_hosts_tell_which_versions_of_the_script_were_refused(
    tmp_path: Path,
) -> None:
    target = replace(TARGET, write_key=None, is_default=True)
    async with run_rig(tmp_path) as rig:
        rig.trust()
        await rig.publish()
        good = await rig.probe.ask_hosts(target)
        rig.edge.refused = ["2.0.0", "1.99.0"]
        bad = await rig.probe.ask_hosts(target)

    assert judge_library(good) == ()
    assert judge_hosts(bad, has_been_live=True) == ()
    (finding,) = judge_library(bad)
    assert finding.code == "library-refused"
    assert "1.99.0, 2.0.0" in finding.sentence


async def test_a_host_without_a_certificate_is_unreachable(tmp_path: Path) -> None:
    async with run_rig(tmp_path) as rig:
        answer = await rig.ask()

    (finding,) = judge_hosts(answer, has_been_live=False)
    assert finding.code == "host-unreachable"
    assert troubles(answer) == {"the TLS handshake was refused"}


@pytest.mark.parametrize("names", [HOSTS, ("evs.other.test", "api.other.test")])
async def test_a_certificate_that_is_not_trusted_or_for_other_names_does_not_pass(
    names: tuple[str, ...], tmp_path: Path
) -> None:
    async with run_rig(tmp_path) as rig:
        if names is not HOSTS:
            rig.trust()
        await rig.publish(names)
        answer = await rig.ask()

    assert troubles(answer) == {"its certificate is not one to trust for this name"}


async def test_a_root_that_appears_later_is_trusted_from_then_on(tmp_path: Path) -> None:
    async with run_rig(tmp_path) as rig:
        await rig.publish()
        before = await rig.ask()
        rig.trust()
        after = await rig.ask()

    assert judge_hosts(before, has_been_live=False)
    assert not judge_hosts(after, has_been_live=False)


async def test_an_edge_that_is_down_is_said_so() -> None:
    (port,) = free_ports(1)
    probe = HttpsEdgeProbe([Address("127.0.0.1", port)], Trust([]))
    answer = await probe.ask_hosts(TARGET)

    assert troubles(answer) == {"nobody listens there"}
