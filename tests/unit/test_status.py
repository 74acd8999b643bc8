from itertools import product

import pytest

from firstparty.model.status import (
    CertificateStatus,
    DnsStatus,
    EdgeStatus,
    Intent,
    ProbeStatus,
    Statuses,
    Word,
    derive_word,
    is_live,
)

GREEN = Statuses(
    dns=DnsStatus.SERVING,
    certificate=CertificateStatus.VALID,
    edge=EdgeStatus.PUBLISHED,
    probe=ProbeStatus.PASSED,
)


@pytest.mark.parametrize(
    ("statuses", "word"),
    [
        (Statuses(), Word.WAITING),
        (Statuses(dns=DnsStatus.UNKNOWN), Word.WAITING),
        (Statuses(dns=DnsStatus.PROVED), Word.VERIFYING),
        (Statuses(dns=DnsStatus.SERVING), Word.ISSUING),
        (
            Statuses(dns=DnsStatus.SERVING, certificate=CertificateStatus.FAILING),
            Word.FAILING,
        ),
        (GREEN, Word.LIVE),
    ],
)
def test_the_word_follows_from_the_statuses(statuses: Statuses, word: Word) -> None:
    assert derive_word(Intent.ACTIVE, statuses) is word


def test_not_knowing_is_not_failing() -> None:
    unknown = Statuses(
        dns=DnsStatus.UNKNOWN,
        certificate=CertificateStatus.VALID,
        edge=EdgeStatus.PUBLISHED,
        probe=ProbeStatus.PASSED,
        has_been_live=True,
    )

    assert derive_word(Intent.ACTIVE, unknown) is Word.WARNING


def test_every_combination_has_a_word_and_only_green_is_live() -> None:
    for dns, certificate, edge, probe, has_been in product(
        DnsStatus, CertificateStatus, EdgeStatus, ProbeStatus, (False, True)
    ):
        statuses = Statuses(
            dns=dns, certificate=certificate, edge=edge, probe=probe, has_been_live=has_been
        )
        word = derive_word(Intent.ACTIVE, statuses)

        assert (word is Word.LIVE) == is_live(statuses)


def test_a_paused_domain_is_paused_whatever_was_seen() -> None:
    assert derive_word(Intent.PAUSED, GREEN) is Word.PAUSED


def test_a_removed_domain_drains_until_the_edge_has_let_go() -> None:
    assert derive_word(Intent.REMOVED, GREEN) is Word.REMOVING
    assert derive_word(Intent.REMOVED, Statuses()) is Word.REMOVED
