"""Records as a zone file has them, and in the words of DNS providers, which are data."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final, Literal

import msgspec

from firstparty.errors import Refused
from firstparty.model.findings import DnsRecord
from firstparty.model.names import registrable_domain

ZONE_FILE: Final = "zone"


class DnsProvider(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one provider wants records; ``{zone}`` in a step is the zone's name."""

    title: str
    name: Literal["relative", "absolute", "dotted"]
    value: Literal["absolute", "dotted"]
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenRecord:
    """A record as it is typed into a provider's form."""

    type: str
    name: str
    value: str
    ttl: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenRecords:
    """What to do at a provider, and what to type there."""

    provider: str
    title: str
    zone: str
    steps: tuple[str, ...]
    records: tuple[WrittenRecord, ...]

    @property
    def text(self) -> str:
        """For a terminal or a letter; of a zone file, its lines alone."""
        if self.provider == ZONE_FILE:
            return "".join(
                f"{one.name} {one.ttl} IN {one.type} {one.value}\n" for one in self.records
            )
        steps = (f"{number}. {step}\n" for number, step in enumerate(self.steps, start=1))
        rows = (
            f"\nType:  {one.type}\nName:  {one.name}\nValue: {one.value}\nTTL:   {one.ttl}\n"
            for one in self.records
        )
        return f"At {self.title}:\n\n" + "".join((*steps, *rows))


@cache
def list_dns_providers() -> Mapping[str, DnsProvider]:
    """Every provider whose words we know, by its short name."""
    text = (files(__package__) / "dns_providers.toml").read_text(encoding="utf-8")
    return MappingProxyType(msgspec.convert(tomllib.loads(text), dict[str, DnsProvider]))


def write_records(records: Iterable[DnsRecord], *, domain: str, provider: str) -> WrittenRecords:
    """The records as ``provider`` wants them; raises Refused for one that we do not know.

    The zone is taken to be the registrable domain of ``domain``, which it nearly always is.
    """
    known = list_dns_providers()
    if provider not in known:
        raise Refused(
            "provider-unknown",
            f"{provider!r} is no DNS provider that we know: choose one of {', '.join(known)}; "
            f"{ZONE_FILE} is plain.",
            field="format",
        )
    form = known[provider]
    zone = registrable_domain(domain) or domain.partition(".")[2]
    return WrittenRecords(
        provider=provider,
        title=form.title,
        zone=zone,
        steps=tuple(step.replace("{zone}", zone) for step in form.steps),
        records=tuple(
            WrittenRecord(
                type=one.type,
                name=_write_name(one.name, form.name, zone),
                value=_write_value(one, form.value),
                ttl=one.ttl,
            )
            for one in records
        ),
    )


def _write_name(name: str, style: str, zone: str) -> str:
    bare = name.removesuffix(".")
    match style:
        case "relative":
            return bare.removesuffix(f".{zone}")
        case "absolute":
            return bare
        case _:
            return f"{bare}."


def _write_value(record: DnsRecord, style: str) -> str:
    is_name = record.type in {"NS", "CNAME"}
    return record.value.removesuffix(".") if is_name and style == "absolute" else record.value
