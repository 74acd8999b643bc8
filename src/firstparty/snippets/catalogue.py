"""The forms a snippet comes in: one data file for each SDK, so that adding one is adding a file."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from string import Template
from types import MappingProxyType

import msgspec

from firstparty.errors import Refused
from firstparty.snippets.facts import SnippetFacts
from firstparty.snippets.html import DEFAULT_GLOBAL, build_html_snippet
from firstparty.snippets.literals import Language, build_literal


class Form(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An SDK's facts. ``template`` is code whose ``$placeholders`` become literals.

    The placeholders are the text values of SnippetFacts. An empty template is the HTML snippet,
    which has options of its own.
    """

    title: str
    language: Language
    package: str
    install: str
    notes: tuple[str, ...]
    template: str


@cache
def list_forms() -> Mapping[str, Form]:
    """Every form by its name, which is the name of its file; the HTML snippet first."""
    found = {
        file.name.removesuffix(".toml"): msgspec.convert(tomllib.loads(file.read_text()), Form)
        for file in files("firstparty.snippets.forms").iterdir()
        if file.name.endswith(".toml")
    }
    return MappingProxyType(dict(sorted(found.items(), key=lambda item: (item[0] != "html", item))))


def build_snippet(
    form: str,
    facts: SnippetFacts,
    *,
    is_standard: bool = False,
    global_name: str = DEFAULT_GLOBAL,
) -> str:
    """The code of ``form`` for these facts, ready to be copied and run.

    ``is_standard`` and ``global_name`` are for the HTML form alone. Raises Refused for an unknown
    form or a name that cannot be a global.
    """
    forms = list_forms()
    if form not in forms:
        raise Refused(
            "unknown-form",
            f"There is no snippet form {form!r}; there are {', '.join(forms)}.",
            field="format",
        )
    chosen = forms[form]
    if not chosen.template:
        return build_html_snippet(facts, is_standard=is_standard, global_name=global_name)
    values = {
        "write_key": facts.write_key,
        "cdn_origin": facts.cdn_origin,
        "api_origin": facts.api_origin,
        "api_base": facts.api_base,
        "script_url": facts.script_url,
        "alias_url": facts.alias_url,
    }
    literals = {name: build_literal(chosen.language, value) for name, value in values.items()}
    return Template(chosen.template).substitute(literals).lstrip("\n")
