"""Which consent managers a page has, by the facts of ``consent.toml``. Pure."""

import tomllib
from functools import cache
from importlib.resources import files

import msgspec

from firstparty.sitecheck.observed import Visit
from firstparty.sitecheck.tracking import is_under


class _Manager(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    globals: tuple[str, ...]
    hosts: tuple[str, ...]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    managers: dict[str, _Manager]
    interfaces: dict[str, tuple[str, ...]]


def list_globals() -> tuple[str, ...]:
    """All globals that say something of consent."""
    table = _load_table()
    named = [name for one in table.managers.values() for name in one.globals]
    return (*named, *(name for names in table.interfaces.values() for name in names))


def find_managers(visit: Visit) -> tuple[str, ...]:
    """The consent managers and interfaces on the page, by name."""
    table = _load_table()
    there = visit.document.globals
    hosts = {exchange.host for exchange in visit.exchanges}
    managers = [
        name
        for name, one in table.managers.items()
        if there.intersection(one.globals) or any(is_under(host, one.hosts) for host in hosts)
    ]
    interfaces = [name for name, names in table.interfaces.items() if there.intersection(names)]
    return (*managers, *interfaces)


@cache
def _load_table() -> _Table:
    text = files("firstparty.sitecheck").joinpath("consent.toml").read_text()
    return msgspec.convert(tomllib.loads(text), _Table)
