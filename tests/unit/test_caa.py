from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from firstparty.model.certificates import ChallengeMethod
from firstparty.model.domains import Mode
from firstparty.model.feed import CaaRecord
from firstparty.model.status import Word
from firstparty.reconciler.caa import CaaIssuer, build_caa, judge_caa
from firstparty.reconciler.reconcile import Reconciler
from firstparty.resolver.caa import CaaFound
from firstparty.resolver.observed import Trouble
from firstparty.store import certificates
from firstparty.store.certificates import AccountRow
from tests.builders import NOW
from tests.fakes.reconciled import SERVICE, World

HOST = "evs.cdp.shop.test"
ISSUER = CaaIssuer(identity="ca.test", accounts=("ca", "ca (staging)"), email="ops@fp.test")
OTHER = CaaIssuer(identity="other.test", accounts=("other",))
URL = "https://ca.test/acct/1"


def issue(value: str, *, flags: int = 0, tag: str = "issue") -> CaaRecord:
    return CaaRecord(flags=flags, tag=tag, value=value)


def codes(*records: CaaRecord, issuers: tuple[CaaIssuer, ...] = (ISSUER,)) -> list[str]:
    found = CaaFound(host=HOST, at="shop.test" if records else None, records=records)
    findings = judge_caa([found], issuers, {"ca": URL}, ChallengeMethod.HTTP)
    return [finding.code for finding in findings]


def values(accounts: dict[str, str], *issuers: CaaIssuer) -> list[str]:
    records = build_caa(issuers, accounts, ChallengeMethod.DNS)
    return [one.value for one in records if one.tag == "issue"]


def test_our_account_and_method_alone_are_let_in() -> None:
    records = build_caa([ISSUER], {"ca": URL}, ChallengeMethod.DNS)

    assert records == (
        issue(f"ca.test; accounturi={URL}; validationmethods=dns-01"),
        issue(";", tag="issuewild"),
        issue("mailto:ops@fp.test", tag="iodef"),
    )


def test_before_the_first_order_no_account_is_named_and_none_shut_out() -> None:
    assert values({}, ISSUER) == ["ca.test; validationmethods=dns-01"]


def test_a_staging_that_has_an_account_is_let_in_too() -> None:
    accounts = {"ca": URL, "ca (staging)": "https://staging.test/7"}

    assert len(values(accounts, ISSUER)) == 2


def test_every_authority_in_use_is_named() -> None:
    assert len(values({"ca": URL}, ISSUER, OTHER)) == 2


def test_without_authorities_there_is_no_caa() -> None:
    assert build_caa([], {}, ChallengeMethod.DNS) == ()


@pytest.mark.parametrize(
    "records",
    [
        (),
        (issue("ca.test"),),
        (issue("CA.TEST."),),
        (issue("evil.test"), issue("ca.test")),
        (issue(f"ca.test; accounturi={URL}; validationmethods=http-01"),),
        (issue("ca.test; validationmethods=dns-01,http-01"),),
        (issue("mailto:a@b", tag="iodef"),),
        (issue("evil.test", tag="issuewild"),),
    ],
)
def test_records_that_let_us_issue_are_no_finding(records: tuple[CaaRecord, ...]) -> None:
    assert codes(*records) == []


@pytest.mark.parametrize(
    "records",
    [
        (issue(";"),),
        (issue("evil.test"),),
        (issue("ca.test.evil.test"),),
        (issue("ca.test; accounturi=https://ca.test/acct/2"),),
        (issue("ca.test; validationmethods=dns-01"),),
        (issue("ca.test"), issue("x", tag="tbs", flags=128)),
    ],
)
def test_records_that_shut_us_out_are_named_with_the_one_to_add(
    records: tuple[CaaRecord, ...],
) -> None:
    found = CaaFound(host=HOST, at="shop.test", records=records)
    (finding,) = judge_caa([found, found], [ISSUER], {"ca": URL}, ChallengeMethod.HTTP)
    (wanted,) = finding.records

    assert finding.code == "caa-forbids"
    assert (wanted.name, wanted.type, wanted.value) == ("shop.test.", "CAA", '0 issue "ca.test"')


def test_one_authority_that_is_let_in_is_enough() -> None:
    assert codes(issue("other.test"), issuers=(ISSUER, OTHER)) == []


def test_servers_that_do_not_answer_are_named_and_our_own_limits_are_not() -> None:
    answers = {
        trouble: judge_caa(
            [CaaFound(host=HOST, at="shop.test", trouble=trouble)],
            [ISSUER],
            {},
            ChallengeMethod.HTTP,
        )
        for trouble in (Trouble.LAME, Trouble.TIMEOUT, Trouble.BUDGET, Trouble.NO_ROUTE)
    }

    assert {trouble for trouble, findings in answers.items() if findings} == {
        Trouble.LAME,
        Trouble.TIMEOUT,
    }


class CaaWorld(World):
    def reconciler(self) -> Reconciler:
        return replace(super().reconciler(), service=replace(SERVICE, issuers=(ISSUER,)))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = CaaWorld.make(tmp_path)
    yield made
    made.store.close()


async def test_no_order_is_made_for_hosts_whose_caa_forbids_it(world: World) -> None:
    domain = world.ask_for(mode=Mode.CNAME)
    world.point(domain)
    world.outside.caa = (CaaFound(host=HOST, at="shop.test", records=(issue("evil.test"),)),)
    await world.until(domain, Word.FAILING)
    said, orders = world.codes(domain), len(world.outside.authority.orders)
    world.outside.caa = ()
    world.wake(domain)
    await world.until(domain, Word.LIVE)

    assert (said, orders) == (["caa-forbids"], 0)


async def test_zones_and_targets_carry_caa_and_learn_the_account_when_it_is_known(
    world: World,
) -> None:
    delegated = world.ask_for()
    pointed = world.ask_for(
        id="dom_2", name="data.shop.test", token="anothertoken00000002", mode=Mode.CNAME
    )
    world.delegate(delegated)
    world.point(pointed)
    for domain in (delegated, pointed):
        await world.until(domain, Word.LIVE)
    (before,) = world.outside.targets()
    with world.store.write() as connection:
        row = AccountRow(authority="ca", url=URL, sealed_key=b"x", created_at=NOW)
        certificates.add_account(connection, row)
        certificates.save_account_url(connection, "ca", URL)
    await world.steps(4)
    (after,), zone = world.outside.targets(), world.case(delegated).zone

    assert before.caa[0].value == "ca.test; validationmethods=http-01,dns-01"
    assert after.caa[0].value == f"ca.test; accounturi={URL}; validationmethods=http-01,dns-01"
    assert zone is not None
    assert zone.caa[0].value == f"ca.test; accounturi={URL}; validationmethods=dns-01"
    assert world.word(delegated) is Word.LIVE
