"""The HTML snippet for Analytics.js: our own text, with the behaviour that the library expects.

The library finds the stub by its name, takes over the calls that it queued, and reads write key,
CDN and load options from it. SNIPPET_VERSION names the level of that behaviour.
"""

import re
from collections.abc import Mapping
from importlib.resources import files
from string import Template
from types import MappingProxyType
from typing import Any, Final

from firstparty.errors import Refused
from firstparty.snippets.facts import SnippetFacts
from firstparty.snippets.literals import Language, build_literal

DEFAULT_GLOBAL: Final = "analytics"
NO_OPTIONS: Final[Mapping[str, Any]] = MappingProxyType({})
_IDENTIFIER: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]{0,63}")
# JavaScript's own words, and properties that a window has already: taking one of these as the
# global would break the page.
_TAKEN: Final = frozenset(
    """
    await break case catch class const continue debugger default delete do else enum export
    extends false finally for function if implements import in instanceof interface let new null
    package private protected public return static super switch this throw true try typeof var
    void while with yield undefined eval arguments
    alert analyticsWriteKey caches close closed confirm console crypto customElements document
    event external fetch find focus frames history indexedDB innerHeight innerWidth length
    localStorage location locationbar menubar name navigation navigator open opener origin
    parent performance personalbar postMessage print prompt scheduler screen scroll self
    sessionStorage status statusbar stop toolbar top window globalThis
    Array Boolean Date Error Function JSON Map Math Number Object Promise Proxy RegExp Set
    String Symbol URL WeakMap __SEGMENT_INSPECTOR__
    """.split()  # noqa: SIM905 - ninety words read best as words
)


def build_html_snippet(
    facts: SnippetFacts,
    *,
    is_standard: bool = False,
    global_name: str = DEFAULT_GLOBAL,
    load_options: Mapping[str, Any] = NO_OPTIONS,
    has_page_call: bool = True,
    waits_for_consent: bool = False,
) -> str:
    """The ``<script>`` element to paste into a page's head.

    ``is_standard`` takes the script's standard path, with the write key in it, instead of its
    alias. ``load_options`` are Analytics.js's own, JSON types only. ``waits_for_consent`` loads
    nothing until the page says so with an event; calls made before are kept in the page alone.
    Raises Refused where the global's name or the options cannot be used.
    """
    check_global_name(global_name)
    values = {
        "global": global_name,
        "url": facts.script_url if is_standard else facts.alias_url,
        "write_key": facts.write_key,
        "cdn": facts.cdn_origin,
        "options": _options(facts, load_options),
        "has_page_call": has_page_call,
        "waits_for_consent": waits_for_consent,
    }
    try:
        literals = {name: build_literal(Language.HTML, value) for name, value in values.items()}
    except (ValueError, TypeError) as error:
        raise Refused(
            "bad-load-options",
            f"The load options cannot be written as JSON: {error}.",
            field="load_options",
        ) from error
    template = files("firstparty.snippets").joinpath("snippet.html").read_text()
    return Template(template).substitute(literals)


def _options(facts: SnippetFacts, options: Mapping[str, Any]) -> dict[str, Any]:
    """The load options; the page's own win over the settings, and theirs over what we add."""
    if not facts.says_api_host:
        return dict(options)
    api = {"Segment.io": {"apiHost": facts.api_base, "protocol": "https"}}
    return {**options, "integrations": api | dict(options.get("integrations", {}))}


def inline_script_of(snippet: str) -> str:
    """The text of a snippet's script element, of which a policy's hash is made."""
    return snippet.partition("<script>")[2].rpartition("</script>")[0]


def check_global_name(name: str) -> None:
    """Raise Refused where ``name`` is no JavaScript identifier, or one that a page has already."""
    if not _IDENTIFIER.fullmatch(name):
        raise Refused(
            "bad-global-name",
            f"{name!r} cannot be the global's name: use up to 64 letters, digits, _ and $, "
            "not beginning with a digit.",
            field="global",
        )
    if name in _TAKEN:
        raise Refused(
            "bad-global-name",
            f"{name!r} means something else in a browser already; choose another name.",
            field="global",
        )
