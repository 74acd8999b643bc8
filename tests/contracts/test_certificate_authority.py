"""One suite on every certificate authority: the local one, the fake, and ACME on real Pebble."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from firstparty.certs.acme import AcmeAuthority, AcmeServer
from firstparty.certs.keys import build_csr, new_private_key
from firstparty.certs.local import LocalAuthority, new_local_root
from firstparty.certs.pair import BadPair, GoodPair, check_pair
from firstparty.certs.progress import (
    Challenged,
    Issued,
    OrderProgress,
    Pending,
    Rejected,
    Revoked,
)
from firstparty.demo.pebble import Pebble, PebblePorts, run_pebble
from firstparty.model.certificates import (
    Challenge,
    ChallengeMethod,
    DnsChallenge,
    HttpChallenge,
    RevocationReason,
)
from firstparty.reconciler.choice import CertificateAuthority
from tests.fakes.accounts import AccountsInMemory
from tests.fakes.authority import AuthorityInMemory
from tests.fakes.ports import free_ports
from tests.fakes.txt_server import TxtServer, run_txt_server

NAMES = ("api.cdp.shop.test", "evs.cdp.shop.test")


@dataclass
class Subject:
    authority: CertificateAuthority
    txt: TxtServer = field(default_factory=TxtServer)

    def publish(self, challenges: tuple[Challenge, ...]) -> None:
        for challenge in challenges:
            assert isinstance(challenge, DnsChallenge)
            self.txt.values.setdefault(challenge.owner_name, set()).add(challenge.value)

    async def finish(self, progress: OrderProgress, csr: bytes) -> OrderProgress:
        """Do all that is our move until the order is over."""
        while True:
            match progress:
                case Challenged():
                    self.publish(progress.challenges)
                    progress = await self.authority.answer(progress.url)
                case Pending():
                    await asyncio.sleep(0.05)
                    progress = await self.authority.advance(progress.url, csr)
                case _:
                    return progress


@pytest.fixture(params=["local", "fake", pytest.param("acme", marks=pytest.mark.needs("pebble"))])
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    if request.param == "local":
        yield Subject(LocalAuthority(new_local_root(datetime.now(UTC))))
    elif request.param == "fake":
        yield Subject(AuthorityInMemory())
    else:
        async with acme_subject(tmp_path) as (made, _accounts):
            yield made


class acme_subject:  # noqa: N801 - used as a function
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def __aenter__(self) -> tuple[Subject, AccountsInMemory]:
        self._dns = run_txt_server()
        txt, address = await self._dns.__aenter__()
        acme, management, http, tls = free_ports(4)
        ports = PebblePorts(acme=acme, management=management, http=http, tls=tls)
        pebble = Pebble(
            folder=self._folder,
            roots=self._folder / "roots.pem",
            ports=ports,
            dns_server=address,
        )
        self._pebble = run_pebble(pebble)
        await self._pebble.__aenter__()
        accounts = AccountsInMemory()
        server = AcmeServer(directory=pebble.directory_url, ca_bundle=str(pebble.ca_bundle))
        self._authority = AcmeAuthority("pebble", server, accounts)
        return Subject(self._authority, txt), accounts

    async def __aexit__(self, *error: object) -> None:
        self._authority.close()
        await self._pebble.__aexit__(None, None, None)
        await self._dns.__aexit__(None, None, None)


async def test_a_certificate_is_for_the_names_and_the_key_of_the_request(
    subject: Subject,
) -> None:
    key = new_private_key()
    csr = build_csr(key, NAMES)
    issued = await subject.finish(await subject.authority.begin(NAMES, csr), csr)

    assert isinstance(issued, Issued)
    now = datetime.now(UTC)
    assert isinstance(check_pair(issued.chain, key, names=NAMES, now=now), GoodPair)
    assert isinstance(check_pair(issued.chain, new_private_key(), names=NAMES, now=now), BadPair)


async def test_an_order_goes_on_by_its_url_when_every_step_is_done_twice(
    subject: Subject,
) -> None:
    key = new_private_key()
    csr = build_csr(key, NAMES)
    progress = await subject.authority.begin(NAMES, csr)
    if isinstance(progress, Challenged):
        subject.publish(progress.challenges)
        await subject.authority.answer(progress.url)
        progress = await subject.authority.answer(progress.url)
    first = await subject.finish(progress, csr)
    assert isinstance(first, Issued)
    if isinstance(progress, Pending):
        again = await subject.authority.advance(progress.url, csr)

        assert again == first


async def test_an_order_that_the_authority_does_not_know_is_over(subject: Subject) -> None:
    csr = build_csr(new_private_key(), NAMES)
    begun = await subject.authority.begin(NAMES, csr)
    assert isinstance(begun, Challenged | Issued)
    lost = await subject.authority.advance(f"{begun.url}unknown", csr)

    assert isinstance(lost, Rejected)


async def test_a_challenge_is_of_the_method_asked_for(subject: Subject) -> None:
    csr = build_csr(new_private_key(), NAMES)
    begun = await subject.authority.begin(NAMES, csr, method=ChallengeMethod.HTTP)
    if isinstance(begun, Challenged):
        challenges = [one for one in begun.challenges if isinstance(one, HttpChallenge)]

        assert sorted(one.host for one in challenges) == sorted(NAMES)
        assert all(one.key_authorization.startswith(f"{one.token}.") for one in challenges)
    else:
        assert isinstance(begun, Issued)


async def test_what_was_issued_can_be_revoked_and_again(subject: Subject) -> None:
    key = new_private_key()
    csr = build_csr(key, NAMES)
    issued = await subject.finish(await subject.authority.begin(NAMES, csr), csr)
    assert isinstance(issued, Issued)
    reason = RevocationReason.CESSATION_OF_OPERATION
    for _ in range(2):
        revoked = await subject.authority.revoke(issued.chain, reason, key_pem=key)

        assert revoked == Revoked()
