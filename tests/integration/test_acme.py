"""What ACME must survive, on real Pebble: its account, and the CA going away."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from firstparty.certs.account import ExternalAccount
from firstparty.certs.acme import AcmeAuthority, AcmeServer
from firstparty.certs.keys import build_csr, new_private_key
from firstparty.certs.progress import Challenged, Rejected, TryLater
from firstparty.config.addresses import Address
from firstparty.demo.pebble import Pebble, PebblePorts, run_pebble
from tests.fakes.accounts import AccountsInMemory
from tests.fakes.ports import free_ports

NAMES = ("evs.cdp.shop.test",)


def a_pebble(folder: Path, **parts: Any) -> Pebble:
    acme, management, http, tls = free_ports(4)
    return Pebble(
        folder=folder,
        roots=folder / "roots.pem",
        ports=PebblePorts(acme=acme, management=management, http=http, tls=tls),
        dns_server=Address("127.0.0.1", 53),
        **parts,
    )


@asynccontextmanager
async def authority_of(
    pebble: Pebble, accounts: AccountsInMemory, **parts: Any
) -> AsyncIterator[AcmeAuthority]:
    server = AcmeServer(directory=pebble.directory_url, ca_bundle=str(pebble.ca_bundle), **parts)
    authority = AcmeAuthority("pebble", server, accounts)
    try:
        yield authority
    finally:
        authority.close()


async def begin(authority: AcmeAuthority) -> object:
    return await authority.begin(NAMES, build_csr(new_private_key(), NAMES))


@pytest.mark.needs("pebble")
async def test_the_accounts_key_is_stored_before_the_ca_sees_it_and_kept(tmp_path: Path) -> None:
    pebble, accounts = a_pebble(tmp_path), AccountsInMemory()
    async with run_pebble(pebble):
        for _ in range(2):
            async with authority_of(pebble, accounts) as authority:
                assert isinstance(await begin(authority), Challenged)

    assert accounts.done == ["key stored", "url stored"]


@pytest.mark.needs("pebble")
async def test_a_crash_before_the_accounts_url_is_stored_costs_nothing(tmp_path: Path) -> None:
    pebble, accounts = a_pebble(tmp_path), AccountsInMemory()
    async with run_pebble(pebble):
        async with authority_of(pebble, accounts) as authority:
            await begin(authority)
        assert accounts.account is not None
        url = accounts.account.url
        accounts.save_url("")
        async with authority_of(pebble, accounts) as authority:
            begun = await begin(authority)

    assert isinstance(begun, Challenged)
    assert accounts.account.url == url


@pytest.mark.needs("pebble")
async def test_an_account_that_the_ca_has_forgotten_is_made_again(tmp_path: Path) -> None:
    pebble, accounts = a_pebble(tmp_path), AccountsInMemory()
    async with run_pebble(pebble), authority_of(pebble, accounts) as authority:
        await begin(authority)
    async with run_pebble(pebble), authority_of(pebble, accounts) as authority:
        first = await begin(authority)
        second = await begin(authority)

    assert isinstance(first, TryLater)
    assert isinstance(second, Challenged)


async def test_a_ca_that_is_away_is_tried_later(tmp_path: Path) -> None:
    pebble = a_pebble(tmp_path)
    pebble.ca_bundle.write_text("")
    async with authority_of(pebble, AccountsInMemory()) as authority:
        answer = await begin(authority)

    assert isinstance(answer, TryLater)


KID, HMAC_KEY = "kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"


@pytest.mark.needs("pebble")
async def test_an_account_is_bound_to_the_one_that_the_ca_gave_the_operator(
    tmp_path: Path,
) -> None:
    pebble = a_pebble(tmp_path, external_accounts={KID: HMAC_KEY})
    async with run_pebble(pebble):
        external = ExternalAccount(kid=KID, hmac_key=HMAC_KEY)
        async with authority_of(pebble, AccountsInMemory(), external=external) as authority:
            bound = await begin(authority)
        wrong = ExternalAccount(kid=KID, hmac_key=HMAC_KEY[::-1])
        async with authority_of(pebble, AccountsInMemory(), external=wrong) as authority:
            forged = await begin(authority)
        async with authority_of(pebble, AccountsInMemory()) as authority:
            unbound = await begin(authority)

    assert isinstance(bound, Challenged)
    assert isinstance(forged, Rejected)
    assert isinstance(unbound, Rejected)
    assert "eab_kid" in unbound.detail


@pytest.mark.needs("pebble")
async def test_a_profile_that_the_ca_does_not_offer_is_not_sent(tmp_path: Path) -> None:
    pebble = a_pebble(tmp_path)
    async with (
        run_pebble(pebble),
        authority_of(pebble, AccountsInMemory(), profile="shortlived") as authority,
    ):
        answer = await begin(authority)

    assert isinstance(answer, Rejected)
    assert answer.problem == "invalidProfile"
