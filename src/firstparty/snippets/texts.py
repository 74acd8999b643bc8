"""Texts as literals of the languages that have no literals of JSON's types in a snippet.

All but Python's, the shell's and HTML's are plain ASCII: a source file's encoding cannot change
what they mean. A lone surrogate is no text, and a ValueError.
"""

import html
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

_LAST_OF_BMP: Final = 0xFFFF
_LAST_OF_ASCII: Final = 0x7F


def escape_text(text: str, special: str, escape: Callable[[str], str]) -> str:
    """``text`` in double quotes.

    A backslash comes before each of the ``special`` characters; ``escape`` writes whatever is not
    printable ASCII.
    """
    text.encode()  # refuses a lone surrogate
    return '"' + "".join(_escape_character(one, special, escape) for one in text) + '"'


def _escape_character(one: str, special: str, escape: Callable[[str], str]) -> str:
    if one in special:
        return f"\\{one}"
    return one if one.isascii() and one.isprintable() else escape(one)


def _braces(one: str) -> str:
    return f"\\u{{{ord(one):x}}}"


def _utf16(one: str) -> str:
    units = one.encode("utf-16-be")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


def _go_escape(one: str) -> str:
    # A surrogate is no rune: beyond the BMP there is an escape of its own.
    return f"\\U{ord(one):08x}" if ord(one) > _LAST_OF_BMP else f"\\u{ord(one):04x}"


def _java_escape(one: str) -> str:
    # JLS §3.3: \u is read before anything else, so an escaped line end would end the line.
    return f"\\{ord(one):03o}" if ord(one) <= _LAST_OF_ASCII else _utf16(one)


def _python(text: str) -> str:
    # JSON's own escapes mean the same in Python, but for pairs of surrogates: so not ASCII only.
    return json.dumps(text, ensure_ascii=False)


def _shell(text: str) -> str:
    # POSIX: within single quotes nothing is special but the quote that ends them.
    if "\0" in text:
        raise ValueError("an argument of a command cannot hold NUL")
    return "'" + text.replace("'", "'\\''") + "'"


def _markup(text: str) -> str:
    return f'"{html.escape(text)}"'


# By the names of Language.
TEXT_LITERALS: Final[Mapping[str, Callable[[str], str]]] = MappingProxyType(
    {
        "python": _python,
        "shell": _shell,
        "markup": _markup,
        "ruby": lambda text: escape_text(text, '"\\#', _braces),
        "php": lambda text: escape_text(text, '"\\$', _braces),
        "swift": lambda text: escape_text(text, '"\\', _braces),
        "go": lambda text: escape_text(text, '"\\', _go_escape),
        "java": lambda text: escape_text(text, '"\\', _java_escape),
        "kotlin": lambda text: escape_text(text, '"\\$', _utf16),
        "csharp": lambda text: escape_text(text, '"\\', _utf16),
        "clojure": lambda text: escape_text(text, '"\\', _utf16),
    }
)
