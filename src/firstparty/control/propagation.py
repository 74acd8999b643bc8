"""How far a domain's records have spread: what public resolvers have, beside what they should."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from firstparty.control.callers import Caller
from firstparty.control.domains import show_domain
from firstparty.control.rules import Rules
from firstparty.errors import Refused
from firstparty.model.findings import DnsRecord
from firstparty.resolver.propagation import Cached, probe_propagation
from firstparty.store.engine import Store


class Spread(StrEnum):
    """What a resolver has of the records at one name."""

    RIGHT = "right"  # exactly what should be there
    OTHER = "other"  # something else, perhaps from before a change
    NOTHING = "nothing"  # no such record, or remembered as missing
    UNKNOWN = "unknown"  # it gave no answer, or failed


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadRecord:
    """One resolver's answer for one name, judged."""

    cached: Cached
    spread: Spread


def plan_questions(
    store: Store, caller: Caller, domain_id: str, *, rules: Rules
) -> tuple[DnsRecord, ...]:
    """The records to ask the resolvers for; raises NotFound, and Refused without resolvers."""
    view = show_domain(store, caller, domain_id, rules=rules)
    if not rules.public_resolvers:
        raise Refused(
            "no-resolvers",
            "The setting resolver.public names no resolver, so there is none to ask.",
        )
    return tuple(one.record for one in view.records)


async def fetch_propagation(
    records: Sequence[DnsRecord], *, rules: Rules
) -> tuple[SpreadRecord, ...]:
    """What each public resolver has at the names of these records now. Never raises."""
    wanted: dict[tuple[str, str], set[str]] = {}
    for record in records:
        if record.type in {"NS", "CNAME"}:
            key = (record.name.removesuffix("."), record.type)
            wanted.setdefault(key, set()).add(record.value.removesuffix(".").lower())
    found = await probe_propagation(tuple(wanted), rules.public_resolvers)
    return tuple(
        SpreadRecord(cached=one, spread=judge_spread(one, wanted[one.name, one.type]))
        for one in found
    )


def judge_spread(cached: Cached, wanted: set[str]) -> Spread:
    """What a resolver's answer comes to."""
    if cached.trouble is not None or cached.rcode not in {"NOERROR", "NXDOMAIN"}:
        return Spread.UNKNOWN
    if not cached.values:
        return Spread.NOTHING
    return Spread.RIGHT if cached.values == wanted else Spread.OTHER
