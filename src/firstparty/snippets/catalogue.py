"""The forms a snippet comes in: one data file for each SDK, so that adding one is adding a file."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from string import Template
from types import MappingProxyType
from typing import Any, Final

import msgspec

from firstparty.errors import Refused
from firstparty.model.workspaces import SourceType
from firstparty.snippets.facts import SnippetFacts
from firstparty.snippets.html import DEFAULT_GLOBAL, NO_OPTIONS, build_html_snippet
from firstparty.snippets.literals import Language, build_literal

_TEXTS: Final = (
    "write_key",
    "cdn_origin",
    "cdn_base",
    "api_origin",
    "api_host",
    "api_authority",
    "api_base",
    "api_url",
    "cdn_url",
    "track_url",
    "pixel_url",
    "settings_url",
)


class Form(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An SDK's facts. ``template`` is code whose ``$placeholders`` become literals.

    ``types`` are the sources it is for; ``option`` is what an SDK is told the hosts with, as its
    language writes it; ``path`` is where its messages then arrive. The placeholders are the
    values of SnippetFacts. An empty template is the HTML snippet, which has options of its own.
    """

    title: str
    types: tuple[SourceType, ...]
    language: Language
    package: str
    install: str
    option: str
    path: str
    notes: tuple[str, ...]
    template: str
    waits_for_consent: bool = False
    rank: int = 0  # the greater, the later in a list

    @property
    def is_html(self) -> bool:
        """Whether it is the HTML snippet, with options of its own."""
        return not self.template


@cache
def list_forms() -> Mapping[str, Form]:
    """Every form by its name, which is the name of its file: HTML first, older SDKs last."""
    found = {
        file.name.removesuffix(".toml"): msgspec.convert(tomllib.loads(file.read_text()), Form)
        for file in files("firstparty.snippets.forms").iterdir()
        if file.name.endswith(".toml")
    }
    in_order = sorted(found.items(), key=lambda item: (item[1].rank, not item[1].is_html, item[0]))
    return MappingProxyType(dict(in_order))


def build_snippet(
    form: str,
    facts: SnippetFacts,
    *,
    is_standard: bool = False,
    global_name: str = DEFAULT_GLOBAL,
    load_options: Mapping[str, Any] = NO_OPTIONS,
    has_page_call: bool = True,
) -> str:
    """The code of ``form`` for these facts, ready to be copied and run.

    ``is_standard`` and all after it are for the HTML forms alone. Raises Refused for an unknown
    form or a name that cannot be a global.
    """
    chosen = find_form(form)
    if chosen.is_html:
        return build_html_snippet(
            facts,
            is_standard=is_standard,
            global_name=global_name,
            load_options=load_options,
            has_page_call=has_page_call,
            waits_for_consent=chosen.waits_for_consent,
        )
    literals = {name: build_literal(chosen.language, getattr(facts, name)) for name in _TEXTS}
    code = Template(chosen.template).substitute(literals, https_port=facts.https_port)
    return code.lstrip("\n")


def find_form(name: str) -> Form:
    """The form of this name; raises Refused with the names that there are."""
    forms = list_forms()
    if name not in forms:
        raise Refused(
            "unknown-form",
            f"There is no snippet form {name!r}; there are {', '.join(forms)}.",
            field="format",
        )
    return forms[name]


def list_forms_for(source_type: SourceType) -> Mapping[str, Form]:
    """The forms that fit a source of this type, by name."""
    return {name: form for name, form in list_forms().items() if source_type in form.types}
