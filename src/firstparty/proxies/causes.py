"""The known causes of a failing proxy as data: how each shows, what it is, what to change where."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import msgspec


class Cause(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``shows`` is the symptom, for the documentation; ``fix`` is by provider, or ``any``."""

    shows: str
    sentence: str
    fix: Mapping[str, str]

    def fix_for(self, provider: str | None) -> str:
        """What to change, in the provider's words where they are known."""
        return self.fix.get(provider or "any") or self.fix["any"]


@cache
def list_causes() -> Mapping[str, Cause]:
    """Every known cause by its code."""
    text = files("firstparty.proxies").joinpath("causes.toml").read_text()
    return MappingProxyType(msgspec.convert(tomllib.loads(text), dict[str, Cause]))
