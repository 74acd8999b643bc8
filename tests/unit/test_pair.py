from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from firstparty.certs.keys import KeyType, build_csr, load_private_key, new_private_key
from firstparty.certs.local import ROOT_NAME, LocalAuthority, new_local_root
from firstparty.certs.pair import BadPair, GoodPair, check_pair
from firstparty.certs.progress import Issued
from tests.builders import NOW

NAMES = ("evs.cdp.shop.test", "api.cdp.shop.test")
KEY = new_private_key()


def authority() -> LocalAuthority:
    return LocalAuthority(new_local_root(NOW), clock=lambda: NOW)


async def issue(ca: LocalAuthority, names: tuple[str, ...] = NAMES, key: bytes = KEY) -> str:
    issued = await ca.begin(names, build_csr(key, names))
    assert isinstance(issued, Issued)
    return issued.chain


async def test_a_pair_of_the_local_ca_may_be_served_for_90_days() -> None:
    checked = check_pair(await issue(authority()), KEY, names=NAMES, now=NOW)

    assert isinstance(checked, GoodPair)
    assert checked.not_after == NOW + timedelta(days=90)


async def test_the_local_ca_says_what_it_is() -> None:
    root = authority().root_certificate.decode()
    chain = await issue(authority())

    assert "this machine only" in ROOT_NAME
    assert root.startswith("-----BEGIN CERTIFICATE-----")
    assert "PRIVATE KEY" not in root + chain


@pytest.mark.parametrize(
    ("names", "key", "now", "reason"),
    [
        (NAMES, new_private_key(), NOW, "another key"),
        (NAMES[:1], KEY, NOW, "is for"),
        ((*NAMES, "more.test"), KEY, NOW, "is for"),
        (NAMES, KEY, NOW - timedelta(hours=2), "not valid before"),
        (NAMES, KEY, NOW + timedelta(days=90), "not valid after"),
    ],
)
async def test_a_pair_that_does_not_fit_is_refused_with_the_reason(
    names: tuple[str, ...], key: bytes, now: datetime, reason: str
) -> None:
    checked = check_pair(await issue(authority()), key, names=names, now=now)

    assert isinstance(checked, BadPair)
    assert reason in checked.reason


async def test_a_chain_that_does_not_build_is_refused() -> None:
    ca, other = authority(), authority()
    good = await issue(ca) + ca.root_certificate.decode()
    bad = await issue(ca) + other.root_certificate.decode()
    leaf_as_issuer = await issue(ca) + await issue(ca)

    assert isinstance(check_pair(good, KEY, names=NAMES, now=NOW), GoodPair)
    assert isinstance(check_pair(bad, KEY, names=NAMES, now=NOW), BadPair)
    assert isinstance(check_pair(leaf_as_issuer, KEY, names=NAMES, now=NOW), BadPair)


@given(st.text(max_size=300))
def test_what_is_no_chain_at_all_is_refused(text: str) -> None:
    checked = check_pair(text, KEY, names=NAMES, now=datetime.now(UTC))

    assert isinstance(checked, BadPair)


def test_every_key_is_new() -> None:
    first, second = (load_private_key(new_private_key()) for _ in range(2))

    assert first.private_numbers() != second.private_numbers()


@pytest.mark.parametrize("names", [("*.cdp.shop.test",), (*NAMES, "more.test")])
async def test_a_pair_that_its_owner_brings_may_be_for_more_than_the_hosts(
    names: tuple[str, ...],
) -> None:
    chain = await issue(authority(), names)
    exact = check_pair(chain, KEY, names=NAMES, now=NOW)
    brought = check_pair(chain, KEY, names=NAMES, now=NOW, is_exact=False)

    assert isinstance(exact, BadPair)
    assert isinstance(brought, GoodPair)


@pytest.mark.parametrize("names", [("*.shop.test",), NAMES[:1], ("cdp.shop.test",)])
async def test_a_pair_that_its_owner_brings_must_be_for_both_hosts(names: tuple[str, ...]) -> None:
    chain = await issue(authority(), names)

    assert isinstance(check_pair(chain, KEY, names=NAMES, now=NOW, is_exact=False), BadPair)


async def test_a_pair_may_have_an_rsa_key() -> None:
    key = new_private_key(KeyType.RSA)

    assert isinstance(
        check_pair(await issue(authority(), key=key), key, names=NAMES, now=NOW), GoodPair
    )


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"no key",
        _pem(ed25519.Ed25519PrivateKey.generate()),
        _pem(rsa.generate_private_key(65537, 1024)),
        _pem(ec.generate_private_key(ec.SECP256K1())),
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
        ),
    ],
)
def test_a_private_key_that_no_edge_can_use_is_refused(pem: bytes) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        load_private_key(pem)

    assert "secret" not in str(refused.value)
