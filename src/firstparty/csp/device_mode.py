"""Which destinations of a source run in the browser and talk to their vendor directly (J6).

What they send does not go through the domain: the owner is told, and a policy must allow them.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec

_SEGMENT: Final = "Segment.io"
_PLUGIN: Final = re.compile(r"/next-integrations/actions/([^/]+)/")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceModeDestination:
    """A destination in the browser; no ``hosts``: they are not in our table."""

    name: str
    hosts: tuple[str, ...]


class _Vendor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    names: tuple[str, ...]
    hosts: tuple[str, ...]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    enriching: tuple[str, ...]
    vendors: dict[str, _Vendor]


def list_device_mode(settings: Mapping[str, Any]) -> tuple[DeviceModeDestination, ...]:
    """The destinations that these settings load into the browser, by name, each once.

    The settings are Segment's and may hold anything: what has another shape than expected is no
    destination.
    """
    names = dict.fromkeys((*_list_classic(settings), *_list_actions(settings)))
    return tuple(
        DeviceModeDestination(name=name, hosts=_find_hosts(name)) for name in sorted(names)
    )


@cache
def list_vendor_hosts() -> frozenset[str]:
    """Every host of our table that some destination's own code talks to."""
    return frozenset(host for one in _load_table().vendors.values() for host in one.hosts)


def _list_classic(settings: Mapping[str, Any]) -> Iterator[str]:
    integrations = _object(settings.get("integrations"))
    unbundled = _list(_object(integrations.get(_SEGMENT)).get("unbundledIntegrations"))
    for name, facts in integrations.items():
        if name.startswith("Segment") or name == "Iterable" or name in unbundled:
            continue
        if _runs_in_browser(_object(facts)):
            yield name


def _runs_in_browser(facts: Mapping[str, Any]) -> bool:
    components = _list(_object(facts.get("versionSettings")).get("componentTypes"))
    is_cloud = facts.get("bundlingStatus") == "unbundled"
    return not is_cloud and (facts.get("type") == "browser" or "browser" in components)


def _list_actions(settings: Mapping[str, Any]) -> Iterator[str]:
    for plugin in _list(settings.get("remotePlugins")):
        facts = _object(plugin)
        name, url = facts.get("creationName", facts.get("name")), facts.get("url")
        if not isinstance(name, str) or not isinstance(url, str):
            continue
        found = _PLUGIN.search(url)
        if found is None or found[1] not in _load_table().enriching:
            yield name


def _find_hosts(name: str) -> tuple[str, ...]:
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    return next(
        (
            vendor.hosts
            for vendor in _load_table().vendors.values()
            if plain.startswith(vendor.names)
        ),
        (),
    )


@cache
def _load_table() -> _Table:
    text = files("firstparty.csp").joinpath("vendors.toml").read_text()
    return msgspec.convert(tomllib.loads(text), _Table)


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
