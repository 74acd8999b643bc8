"""A domain as every face shows it: REST, console and command line read the same values."""

from dataclasses import dataclass

from sqlalchemy import Connection

from firstparty.model.domains import Domain, build_records
from firstparty.model.findings import DnsRecord
from firstparty.model.names import TRACKERISH_LABELS
from firstparty.model.observations import Observation
from firstparty.model.status import Word, derive_word
from firstparty.model.workspaces import Source
from firstparty.store.work import load_observations
from firstparty.store.workspaces import load_sources


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordView:
    """A record that the owner adds, and whether the parent's servers had it when last asked."""

    record: DnsRecord
    found: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """Something allowed that the owner should know; ``code`` is stable."""

    code: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainView:
    """Intent, what was observed, and what follows from both. ``sources`` are in their order."""

    domain: Domain
    observation: Observation
    word: Word
    records: tuple[RecordView, ...]
    sources: tuple[Source, ...]
    warnings: tuple[Advice, ...]


def load_views(
    connection: Connection, domains: list[Domain], service_domain: str
) -> list[DomainView]:
    """The views of these domains, in their order, in two queries."""
    observations = load_observations(connection, [domain.id for domain in domains])
    wanted = {source_id for domain in domains for source_id in domain.source_ids}
    sources = {source.id: source for source in load_sources(connection, wanted)}
    return [
        build_view(
            domain,
            observations[domain.id],
            tuple(sources[source_id] for source_id in domain.source_ids),
            service_domain,
        )
        for domain in domains
    ]


def build_view(
    domain: Domain, observation: Observation, sources: tuple[Source, ...], service_domain: str
) -> DomainView:
    """Put together what people see of a domain."""
    seen = {(record.name.lower(), record.type, record.value.lower()) for record in observation.seen}
    return DomainView(
        domain=domain,
        observation=observation,
        word=derive_word(domain.intent, observation.statuses),
        records=tuple(
            RecordView(
                record=record,
                found=(record.name.lower(), record.type, record.value.lower()) in seen,
            )
            for record in build_records(domain, service_domain)
        ),
        sources=sources,
        warnings=advise(domain),
    )


def advise(domain: Domain) -> tuple[Advice, ...]:
    """What the owner should know about the names chosen."""
    hosts = ((domain.cdn_label, domain.cdn_host), (domain.api_label, domain.api_host))
    return tuple(
        Advice(
            code="label-trackerish",
            sentence=f"Filter lists block hosts whose label is {label!r}, whoever runs them: "
            f"another label than that of {host} reaches more visitors.",
        )
        for label, host in hosts
        if label in TRACKERISH_LABELS
    )
