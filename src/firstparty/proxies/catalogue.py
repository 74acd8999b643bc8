"""The providers that proxies are generated for, and what each is known to do.

Adding a provider is adding a data file and its templates to ``providers/``.
"""

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import msgspec

from firstparty.errors import Refused


class Topic(StrEnum):
    """What a proxy has to be right about; every provider has a claim for each."""

    UPSTREAM = "upstream"
    METHODS = "methods"
    AUTHORIZATION = "authorization"
    ENCODING = "encoding"
    PREFLIGHT = "preflight"
    CACHING = "caching"
    QUERY = "query"
    CLIENT_IP = "client-ip"
    COOKIES = "cookies"
    REDIRECTS = "redirects"
    BODY_SIZE = "body-size"


class Checked(StrEnum):
    """How a claim is checked in our tests."""

    RUN = "run"  # the generated files ran, and a request showed it
    FORM = "form"  # only the form of the generated files; the claim is the provider's word


class Claim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a proxy of this provider does, and how that is checked."""

    does: str
    checked: Checked


class File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file to generate: its name there, its template here."""

    path: str
    template: str


class Provider(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A provider's facts.

    ``target`` is the value of the CNAME records, empty where the provider makes them itself.
    ``steps`` are templates.

    ``tried`` says in what our tests run the files, or how else they are checked.
    """

    title: str
    tried: str
    target: str
    files: tuple[File, ...]
    steps: tuple[str, ...]
    claims: Mapping[Topic, Claim]


@cache
def list_providers() -> Mapping[str, Provider]:
    """Every provider by its name, which is the name of its file."""
    found = {
        file.name.removesuffix(".toml"): msgspec.convert(tomllib.loads(file.read_text()), Provider)
        for file in files("firstparty.proxies.providers").iterdir()
        if file.name.endswith(".toml")
    }
    return MappingProxyType(dict(sorted(found.items())))


def find_provider(name: str) -> Provider:
    """The provider with this name; raises Refused, saying which there are."""
    providers = list_providers()
    if name not in providers:
        raise Refused(
            "unknown-provider",
            f"There is no provider {name!r}; there are {', '.join(providers)}.",
            field="provider",
        )
    return providers[name]
