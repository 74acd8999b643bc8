"""A domain as every face shows it: REST, console and command line read the same values."""

from dataclasses import dataclass

from sqlalchemy import Connection

from firstparty.control.rules import Rules
from firstparty.control.sources import SourceView, build_source_view
from firstparty.model.dnssec import build_ds_record, ds_texts
from firstparty.model.domains import Domain, Mode, build_optional_records, build_records
from firstparty.model.findings import DnsRecord
from firstparty.model.key_rolls import ANNOUNCED, KeyRoll
from firstparty.model.moves import Move
from firstparty.model.names import TRACKERISH_LABELS
from firstparty.model.observations import Observation
from firstparty.model.status import Intent, Word, derive_word
from firstparty.store.domain_counts import load_names
from firstparty.store.key_rolls import load_key_rolls
from firstparty.store.moves import load_open_moves
from firstparty.store.work import load_observations
from firstparty.store.workspaces import load_sources, load_workspaces
from firstparty.store.zone_keys import load_dnskeys


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
class MoveView:
    """An open move, and the domains that it is from and to."""

    move: Move
    old_name: str
    new_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainView:
    """Intent, what was observed, and what follows from both. ``sources`` are in their order.

    ``ds`` is the record that the owner may add once the zone is signed (DNSSEC). ``roll`` is the
    replacement of its key that is under way. ``optional_records`` are found if all of them were
    when a certificate was ordered last.
    """

    domain: Domain
    observation: Observation
    word: Word
    records: tuple[RecordView, ...]
    ds: RecordView | None = None
    sources: tuple[SourceView, ...]
    warnings: tuple[Advice, ...]
    move: MoveView | None = None
    roll: KeyRoll | None = None
    optional_records: tuple[RecordView, ...] = ()


def load_views(connection: Connection, domains: list[Domain], rules: Rules) -> list[DomainView]:
    """The views of these domains, in their order; a few queries, however many there are."""
    observations = load_observations(connection, [domain.id for domain in domains])
    wanted = {source_id for domain in domains for source_id in domain.source_ids}
    sources = {source.id: source for source in load_sources(connection, wanted)}
    moves = _load_moves(connection, [domain.id for domain in domains])
    ids = [domain.id for domain in domains]
    keys, rolls = load_dnskeys(connection, ids), load_key_rolls(connection, ids)
    homes = load_workspaces(connection, {domain.workspace_id for domain in domains})
    return [
        build_view(
            domain,
            observations[domain.id],
            tuple(
                build_source_view(sources[one], homes[domain.workspace_id], domain, rules)
                for one in domain.source_ids
            ),
            rules,
            moves.get(domain.id),
            dnskey=keys.get(domain.id),
            roll=rolls.get(domain.id),
        )
        for domain in domains
    ]


def _load_moves(connection: Connection, domain_ids: list[str]) -> dict[str, MoveView]:
    moves = load_open_moves(connection, domain_ids)
    both = {one for move in moves.values() for one in (move.old_id, move.new_id)}
    names = load_names(connection, both) if both else {}
    return {
        domain_id: MoveView(move=move, old_name=names[move.old_id], new_name=names[move.new_id])
        for domain_id, move in moves.items()
    }


def build_view(
    domain: Domain,
    observation: Observation,
    sources: tuple[SourceView, ...],
    rules: Rules,
    move: MoveView | None = None,
    *,
    dnskey: bytes | None,
    roll: KeyRoll | None = None,
) -> DomainView:
    """Put together what people see of a domain; ``dnskey`` is its zone's, ``roll`` replaces it."""
    if roll is not None and roll.state in ANNOUNCED:
        dnskey = roll.dnskey
    seen = {_canonical(record) for record in observation.seen}
    ds = None
    if dnskey is not None and domain.intent is not Intent.REMOVED:
        others = {value for _, kind, value in seen if kind == "DS"}
        is_there = not others.isdisjoint(ds_texts(domain.name, dnskey))
        ds = RecordView(record=build_ds_record(domain.name, dnskey), found=is_there)
    return DomainView(
        domain=domain,
        observation=observation,
        word=derive_word(domain.intent, observation.statuses),
        records=tuple(
            RecordView(record=record, found=_canonical(record) in seen)
            for record in build_records(domain, rules.service_domain)
        ),
        ds=ds,
        sources=sources,
        warnings=advise(domain),
        move=move,
        roll=roll,
        optional_records=tuple(
            RecordView(record=record, found=observation.has_alias)
            for record in build_optional_records(domain, rules.service_domain)
        ),
    )


def _canonical(record: DnsRecord) -> tuple[str, str, str]:
    # Names in DNS are equal whatever their case (RFC 4343), with or without the root's dot.
    return record.name.lower().rstrip("."), record.type, record.value.lower().rstrip(".")


def advise(domain: Domain) -> tuple[Advice, ...]:
    """What the owner should know about the names and the mode chosen."""
    return (*_advise_on_mode(domain), *_advise_on_labels(domain))


def _advise_on_mode(domain: Domain) -> tuple[Advice, ...]:
    match domain.mode:
        case Mode.DELEGATION:
            return ()
        case Mode.CNAME:
            # webkit.org/blog/11338: a response behind a CNAME to another site.
            sentence = (
                "A CNAME is second best: Safari keeps cookies that are set through it for 7 days "
                "at most, and blockers follow it to the name behind. Where the subdomain can be "
                "delegated, delegate it."
            )
            return (Advice(code="mode-cname", sentence=sentence),)
        case Mode.PROXY:
            return ()


def _advise_on_labels(domain: Domain) -> tuple[Advice, ...]:
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
