"""A CA that misbehaves in every way it can: real Pebble behind a proxy that breaks its answers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from firstparty.certs.acme import AcmeAuthority, AcmeServer
from firstparty.certs.bounded import MAX_BYTES
from firstparty.certs.keys import build_csr, new_private_key
from firstparty.certs.pair import BadPair, GoodPair, check_pair
from firstparty.certs.progress import (
    Challenged,
    Issued,
    OrderProgress,
    Pending,
    TryLater,
)
from firstparty.certs.renewal import Advice, NoAdvice, certificate_id
from firstparty.demo.pebble import Pebble, PebblePorts, run_pebble
from firstparty.model.certificates import DnsChallenge
from tests.fakes.accounts import AccountsInMemory
from tests.fakes.chaos_acme import (
    Chaos,
    changed,
    dripping,
    endless,
    lost,
    problem,
    run_chaos,
)
from tests.fakes.ports import free_ports
from tests.fakes.txt_server import TxtServer, run_txt_server

pytestmark = [pytest.mark.needs("pebble"), pytest.mark.asyncio(loop_scope="module")]
NAMES = ("api.cdp.shop.test", "evs.cdp.shop.test")


@dataclass
class Rig:
    chaos: Chaos
    authority: AcmeAuthority
    txt: TxtServer
    key: bytes

    @property
    def csr(self) -> bytes:
        return build_csr(self.key, NAMES)

    def publish(self, challenged: Challenged) -> None:
        for one in challenged.challenges:
            assert isinstance(one, DnsChallenge)
            self.txt.values.setdefault(one.owner_name, set()).add(one.value)

    async def begin(self) -> Challenged:
        begun = await self.authority.begin(NAMES, self.csr)
        assert isinstance(begun, Challenged)
        return begun

    async def validated(self) -> str:
        """The URL of an order that waits to be finalized."""
        begun = await self.begin()
        self.publish(begun)
        await self.authority.answer(begun.url)
        return begun.url

    async def issue(self, url: str, most: int = 60) -> OrderProgress:
        """Go on with an order, through what passes, until it is over."""
        progress: OrderProgress = Pending(url=url)
        for _ in range(most):
            progress = await self.authority.advance(url, self.csr)
            if not isinstance(progress, Pending | TryLater):
                return progress
            await asyncio.sleep(0.05)
        return progress


@asynccontextmanager
async def running(folder: Path, **server: Any) -> AsyncIterator[Rig]:
    acme, management, http, tls = free_ports(4)
    async with run_txt_server() as (txt, address):
        pebble = Pebble(
            folder=folder,
            roots=folder / "roots.pem",
            ports=PebblePorts(acme=acme, management=management, http=http, tls=tls),
            dns_server=address,
        )
        async with run_pebble(pebble, nonce_reject_percent=0), run_chaos(pebble) as chaos:
            reach = AcmeServer(
                directory=chaos.directory_url, ca_bundle=str(pebble.ca_bundle), **server
            )
            authority = AcmeAuthority("chaos", reach, AccountsInMemory())
            try:
                yield Rig(chaos, authority, txt, new_private_key())
            finally:
                authority.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    folder = tmp_path_factory.mktemp("chaos")
    async with running(folder, patience=timedelta(seconds=3)) as made:
        yield made


@pytest.fixture
def rig(shared: Rig) -> Iterator[Rig]:
    """One Pebble for all of these; each with a key and sessions of its own, and no faults."""
    shared.chaos.forget()
    shared.txt.values.clear()
    shared.key = new_private_key()
    shared.authority = AcmeAuthority("chaos", shared.authority.server, AccountsInMemory())
    yield shared
    shared.authority.close()


async def test_without_faults_the_proxy_is_the_ca(rig: Rig) -> None:
    issued = await rig.issue(await rig.validated())

    assert isinstance(issued, Issued)
    checked = check_pair(issued.chain, rig.key, names=NAMES, now=datetime.now(UTC))
    assert isinstance(checked, GoodPair)
    assert rig.chaos.seen["finalize"] == 1


async def test_every_nonce_but_the_twentieth_may_be_refused(rig: Rig) -> None:
    rig.chaos.break_next("new-order", *[problem(400, "badNonce")] * 19)
    begun = await rig.authority.begin(NAMES, rig.csr)

    assert isinstance(begun, Challenged)
    assert rig.chaos.seen["new-order"] == 20
    assert rig.chaos.seen["nonce"] == 1  # each refusal brings the next one


async def test_too_many_requests_are_obeyed_with_their_retry_after(rig: Rig) -> None:
    rig.chaos.break_next("new-order", problem(429, "rateLimited", retry_after="3600"))
    limited = await rig.authority.begin(NAMES, rig.csr)

    assert isinstance(limited, TryLater)
    assert limited.again == timedelta(hours=1)
    assert rig.chaos.seen["new-order"] == 1


@pytest.mark.parametrize("resource", ["finalize", "order", "certificate"])
async def test_an_answer_that_is_lost_costs_a_repeated_step_and_not_a_certificate(
    resource: str, rig: Rig
) -> None:
    url = await rig.validated()
    rig.chaos.break_next(resource, lost)
    issued = await rig.issue(url)

    assert isinstance(issued, Issued)
    assert rig.chaos.seen["new-order"] == 1
    assert rig.chaos.seen["finalize"] == 1
    checked = check_pair(issued.chain, rig.key, names=NAMES, now=datetime.now(UTC))
    assert isinstance(checked, GoodPair)


async def test_a_ca_that_breaks_in_the_middle_is_tried_later(rig: Rig) -> None:
    url = await rig.validated()
    rig.chaos.break_next("order", problem(500, "serverInternal"), problem(503, "serverInternal"))
    first = await rig.authority.advance(url, rig.csr)

    assert isinstance(first, TryLater)
    assert isinstance(await rig.issue(url), Issued)


def other_chain(chain: bytes) -> bytes:
    """The leaf with somebody else's issuer."""
    leaf, *_ = x509.load_pem_x509_certificates(chain)
    return leaf.public_bytes(Encoding.PEM) * 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (other_chain, "does not build"),
        (lambda _chain: b"not PEM", "is not PEM"),
        (lambda chain: chain[len(chain) // 2 :], ""),
        (lambda chain: chain * 100, "has a chain of"),
    ],
)
async def test_a_wrong_chain_is_never_good(
    change: Callable[[bytes], bytes], reason: str, rig: Rig
) -> None:
    url = await rig.validated()
    rig.chaos.break_next("certificate", *[changed(change)] * 60)
    answer = await rig.issue(url)

    if isinstance(answer, Issued):
        checked = check_pair(answer.chain, rig.key, names=NAMES, now=datetime.now(UTC))
        assert isinstance(checked, BadPair)
        assert reason in checked.reason
    else:  # so long that it was not even read
        assert isinstance(answer, TryLater)
        assert len(change(b"x" * 4_000)) > MAX_BYTES


@pytest.mark.parametrize("resource", ["directory", "new-order", "authorization"])
async def test_an_endless_answer_is_cut_short(resource: str, rig: Rig) -> None:
    rig.chaos.break_next(resource, endless)
    cut = await rig.authority.begin(NAMES, rig.csr)
    again = await rig.authority.begin(NAMES, rig.csr)

    assert isinstance(cut, TryLater)
    assert isinstance(again, Challenged)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"status": 5}', b"null", b'{"status": "valid"}', b"\xff" * 99]
)
async def test_an_answer_that_makes_no_sense_is_tried_later_or_given_up(
    body: bytes, rig: Rig
) -> None:
    url = await rig.validated()
    rig.chaos.break_next("order", changed(lambda _: body))
    answer = await rig.authority.advance(url, rig.csr)

    assert not isinstance(answer, Issued | Challenged)
    assert isinstance(await rig.issue(url), Issued)


async def test_a_ca_that_stalls_keeps_no_other_order_from_going_on(rig: Rig) -> None:
    await rig.begin()
    rig.chaos.break_next("order", dripping(0.5))
    stalled = asyncio.create_task(
        rig.authority.advance(f"https://127.0.0.1:{rig.chaos.port}/my-order/x", rig.csr)
    )
    while not rig.chaos.seen["order"]:
        await asyncio.sleep(0.01)
    other = await rig.issue(await rig.validated())
    is_stalled = not stalled.done()
    await stalled

    assert isinstance(other, Issued)
    assert is_stalled
    assert isinstance(stalled.result(), TryLater)


def a_window(start: timedelta, end: timedelta) -> dict[str, Any]:
    now = datetime.now(UTC)
    window = {"start": (now + start).isoformat(), "end": (now + end).isoformat()}
    return {"suggestedWindow": window, "explanationURL": "https://ca.test/why"}


DAY = timedelta(days=1)


async def an_issued_chain(rig: Rig) -> str:
    issued = await rig.issue(await rig.validated())
    assert isinstance(issued, Issued)
    return issued.chain


@pytest.mark.parametrize(("start", "end"), [(30 * DAY, 32 * DAY), (-9 * DAY, -8 * DAY)])
async def test_a_window_is_fetched_under_the_certificates_own_id(
    start: timedelta, end: timedelta, rig: Rig
) -> None:
    rig.chaos.ari = a_window(start, end)
    chain = await an_issued_chain(rig)
    advice = await rig.authority.fetch_advice(chain)

    assert isinstance(advice, Advice)
    assert advice.again == timedelta(hours=6)
    assert advice.explanation_url == "https://ca.test/why"
    leaf = x509.load_pem_x509_certificate(chain.encode())
    assert rig.chaos.ari_paths == [certificate_id(leaf)]


@pytest.mark.parametrize(
    "document", [b"<html>", b"", {}, a_window(DAY, -DAY), {"suggestedWindow": "always"}]
)
async def test_an_absurd_window_is_no_advice(document: dict[str, Any] | bytes, rig: Rig) -> None:
    rig.chaos.ari = document
    advice = await rig.authority.fetch_advice(await an_issued_chain(rig))

    assert isinstance(advice, NoAdvice)
    assert timedelta(minutes=1) <= advice.again <= DAY


async def test_where_the_ca_offers_no_advice_none_is_asked_for(rig: Rig) -> None:
    advice = await rig.authority.fetch_advice(await an_issued_chain(rig))

    assert isinstance(advice, NoAdvice)
    assert rig.chaos.seen["ari"] == 0


async def test_an_order_says_what_it_replaces_and_goes_on_without_if_that_is_refused(
    rig: Rig,
) -> None:
    rig.chaos.ari = a_window(-DAY, DAY)
    there = certificate_id(x509.load_pem_x509_certificate((await an_issued_chain(rig)).encode()))
    assert there is not None
    rig.chaos.break_next("new-order", problem(409, "alreadyReplaced"))
    begun = await rig.authority.begin(NAMES, rig.csr, replaces=there)

    assert isinstance(begun, Challenged)
    assert [order.get("replaces") for order in rig.chaos.orders] == [None, there, None]


async def test_a_profile_is_sent_where_the_ca_offers_it(tmp_path: Path) -> None:
    async with running(tmp_path, profile="shortlived") as rig:
        rig.chaos.profiles = {"shortlived": "six days", "classic": "ninety"}
        begun = await rig.authority.begin(NAMES, rig.csr)

    assert isinstance(begun, Challenged)
    assert [order["profile"] for order in rig.chaos.orders] == ["shortlived"]
