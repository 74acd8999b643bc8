from itertools import product
from pathlib import Path

from sqlalchemy import insert, select

from firstparty.control.domains import list_domains
from firstparty.model.status import (
    CertificateStatus,
    DnsStatus,
    EdgeStatus,
    Intent,
    ProbeStatus,
    Statuses,
    Word,
    derive_word,
)
from firstparty.model.workspaces import Role
from firstparty.store import tables
from firstparty.store.domains import DomainFilter, add_domain
from firstparty.store.words import word_column
from firstparty.store.work import start_work
from tests.builders import NOW, a_domain
from tests.installation import RULES, a_caller, an_installation

COMBINATIONS = list(
    product(Intent, DnsStatus, CertificateStatus, EdgeStatus, ProbeStatus, (False, True))
)


def test_sql_derives_the_word_as_the_model_does(tmp_path: Path) -> None:
    here = an_installation(tmp_path)
    domains, statuses, expected = [], [], {}
    for number, (intent, dns, certificate, edge, probe, has_been_live) in enumerate(COMBINATIONS):
        identifier = f"dom_{number}"
        seen = Statuses(
            dns=dns,
            certificate=certificate,
            edge=edge,
            probe=probe,
            has_been_live=has_been_live,
        )
        expected[identifier] = derive_word(intent, seen)
        domains.append(_domain_row(identifier, here.ours.id, intent))
        statuses.append(
            {
                "domain_id": identifier,
                "dns": dns,
                "certificate": certificate,
                "edge": edge,
                "probe": probe,
                "has_been_live": has_been_live,
                "findings": [],
                "facts": {},
                "fence": 0,
            }
        )
    with here.store.write() as connection:
        connection.execute(insert(tables.domains), domains)
        connection.execute(insert(tables.statuses), statuses)
        joined = tables.domains.join(tables.statuses)
        found = connection.execute(
            select(tables.domains.c.id, word_column().label("word")).select_from(joined)
        )
        words = {row.id: Word(row.word) for row in found}
    here.store.close()

    assert words == expected
    assert set(expected.values()) == set(Word)


def test_a_list_is_filtered_by_word_and_part_of_the_name(tmp_path: Path) -> None:
    here = an_installation(tmp_path)
    with here.store.write() as connection:
        for number, (name, intent) in enumerate(
            (
                ("cdp.shop.test", Intent.ACTIVE),
                ("cdp.s_op.test", Intent.PAUSED),
                ("data.shop.test", Intent.PAUSED),
            )
        ):
            domain = a_domain(
                id=f"dom_{number}",
                workspace_id=here.ours.id,
                name=name,
                token=f"token{number}",
                source_ids=(),
                intent=intent,
            )
            add_domain(connection, domain)
            start_work(connection, domain.id, now=NOW)

    def names(part: str = "", word: Word | None = None) -> list[str]:
        found = list_domains(
            here.store,
            a_caller(Role.VIEWER, here.ours),
            workspace_id=here.ours.id,
            rules=RULES,
            only=DomainFilter(part=part, word=word),
        )
        return [view.domain.name for view in found]

    assert names("SHOP ") == ["cdp.shop.test", "data.shop.test"]
    assert names("s_op") == ["cdp.s_op.test"]
    assert names(word=Word.PAUSED) == ["cdp.s_op.test", "data.shop.test"]
    assert names("shop", Word.PAUSED) == ["data.shop.test"]
    assert names(word=Word.LIVE) == []
    here.store.close()


def _domain_row(identifier: str, workspace_id: str, intent: Intent) -> dict[str, object]:
    return {
        "id": identifier,
        "workspace_id": workspace_id,
        "name": f"{identifier}.test",
        "registrable": "test",
        "mode": "delegation",
        "cdn_label": "evs",
        "api_label": "api",
        "description": "",
        "has_csp": False,
        "intent": intent,
        "created_at": NOW,
    }
