from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.config.addresses import Address
from firstparty.model.claims import nameserver_names
from firstparty.model.findings import Severity
from firstparty.model.status import DnsStatus
from firstparty.reconciler.delegation import Delegation, judge_delegation
from firstparty.reconciler.judgement import Judgement
from firstparty.resolver.observed import ParentAnswer, ServerAnswer, Trouble
from tests.builders import a_domain

OURS = frozenset(nameserver_names("tokenofthisclaim0001", "fp.test"))
OLD = frozenset(nameserver_names("tokenofanoldclaim001", "fp.test"))
THEIRS = frozenset({"ns1.dns.test"})


def says(server: str = "ns1.shop.test", **parts: Any) -> ServerAnswer:
    return ServerAnswer(server=server, address=Address("192.0.2.1", 53), **parts)


def judge(*servers: ServerAnswer, was_proved: bool = False, **parts: Any) -> Judgement:
    answer = ParentAnswer(name="cdp.shop.test", parent="shop.test", servers=servers, **parts)
    return judge_delegation(
        Delegation(
            domain=a_domain(), service_domain="fp.test", answer=answer, was_proved=was_proved
        )
    )


def codes(judgement: Judgement) -> list[str]:
    return [finding.code for finding in judgement.findings]


def test_exactly_this_claims_records_at_every_server_prove_it() -> None:
    judgement = judge(says(nameservers=OURS), says("ns2.shop.test", nameservers=OURS))

    assert (judgement.dns, codes(judgement)) == (DnsStatus.PROVED, [])


@pytest.mark.parametrize(
    ("servers", "status", "expected"),
    [
        ([says()], DnsStatus.WAITING, ["not-delegated"]),
        ([says(other_types=("A",))], DnsStatus.WAITING, ["not-delegated", "hides-records"]),
        (
            [says(has_names_below=True, names_below=("www.cdp.shop.test",))],
            DnsStatus.WAITING,
            ["not-delegated", "hides-names"],
        ),
        ([says(has_names_below=True)], DnsStatus.WAITING, ["not-delegated", "hides-names"]),
        ([says(nameservers=OURS), says("ns2")], DnsStatus.PARTIAL, ["partly-delegated"]),
        (
            [says(nameservers=frozenset(sorted(OURS)[:1]))],
            DnsStatus.PARTIAL,
            ["partly-delegated"],
        ),
        ([says(nameservers=OURS | THEIRS)], DnsStatus.PARTIAL, ["delegated-to-others-too"]),
        ([says(nameservers=THEIRS)], DnsStatus.PARTIAL, ["delegated-elsewhere"]),
        ([says(nameservers=OLD)], DnsStatus.PARTIAL, ["delegated-elsewhere"]),
        ([says(nameservers=OURS, ds=frozenset({"1 13 2 00"}))], DnsStatus.PARTIAL, ["stale-ds"]),
        ([says(cname="edge.test")], DnsStatus.PARTIAL, ["cname-at-the-cut"]),
        ([says(trouble=Trouble.TIMEOUT)], DnsStatus.UNKNOWN, ["could-not-check"]),
        (
            [says(nameservers=OURS), says("ns2", trouble=Trouble.TIMEOUT)],
            DnsStatus.UNKNOWN,
            ["could-not-check"],
        ),
        (
            [says(), says("ns2", trouble=Trouble.TIMEOUT)],
            DnsStatus.WAITING,
            ["not-delegated", "could-not-check"],
        ),
    ],
)
def test_everything_else_is_said_precisely(
    servers: list[ServerAnswer], status: DnsStatus, expected: list[str]
) -> None:
    judgement = judge(*servers)

    assert (judgement.dns, codes(judgement)) == (status, expected)


def test_a_parent_that_is_not_found_could_not_be_checked() -> None:
    judgement = judge_delegation(
        Delegation(
            domain=a_domain(),
            service_domain="fp.test",
            answer=ParentAnswer(name="cdp.shop.test", parent=None, trouble=Trouble.TIMEOUT),
            was_proved=False,
        )
    )

    assert (judgement.dns, codes(judgement)) == (DnsStatus.UNKNOWN, ["could-not-check"])


@pytest.mark.parametrize("nameservers", [frozenset[str](), OLD, THEIRS])
def test_a_proved_domain_without_its_records_is_lost(nameservers: frozenset[str]) -> None:
    judgement = judge(says(nameservers=nameservers), was_proved=True)

    assert judgement.dns is DnsStatus.LOST
    assert judgement.findings[0].severity is Severity.FAILING


def test_findings_name_the_records_to_add_and_to_delete() -> None:
    (finding,) = judge(says(nameservers=OURS | THEIRS)).findings

    assert {record.value for record in finding.records} == {f"{one}." for one in OURS}
    assert [record.value for record in finding.surplus] == ["ns1.dns.test."]


@given(
    st.lists(
        st.builds(
            says,
            server=st.sampled_from(["ns1", "ns2", "ns3"]),
            nameservers=st.frozensets(st.sampled_from(sorted(OURS | OLD | THEIRS))),
            ds=st.sampled_from([frozenset(), frozenset({"1 13 2 00"})]),
            cname=st.sampled_from([None, None, "edge.test"]),
            trouble=st.sampled_from([None, None, Trouble.TIMEOUT, Trouble.LAME]),
        ),
        max_size=4,
    ),
    st.booleans(),
)
def test_nothing_but_the_exact_set_everywhere_proves_and_whatever_does_not_has_a_finding(
    servers: list[ServerAnswer],
    was_proved: bool,  # noqa: FBT001 - hypothesis passes by position
) -> None:
    judgement = judge(*servers, was_proved=was_proved)
    is_exact = bool(servers) and all(
        one.nameservers == OURS and not (one.ds or one.cname or one.trouble) for one in servers
    )

    assert (judgement.dns is DnsStatus.PROVED) == is_exact
    assert bool(judgement.findings) == (not is_exact)


def test_a_parent_with_hundreds_of_records_makes_no_endless_finding() -> None:
    many = frozenset(f"ns{number}.dns.test" for number in range(500))
    (finding,) = judge(says(nameservers=OURS | many)).findings

    assert len(finding.sentence) < 200
    assert len(finding.surplus) <= 20
