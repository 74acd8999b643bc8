"""Values as literals of the languages that snippets are written in.

A template's placeholder is replaced by a whole literal, quotes included, so nothing in a value
can end the string that it stands in.
"""

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from firstparty.snippets.texts import TEXT_LITERALS

# In an HTML script element "</script" and "<!--" end or change the element whatever the
# JavaScript around them means; "&" matters where the page is XHTML. The rest are line ends in old
# JavaScript, and escaped by ASCII output already.
_HTML: Final = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


class Language(StrEnum):
    """A language with literals of its own."""

    HTML = "html"  # JavaScript within a script element
    MARKUP = "markup"  # an attribute's value, quotes included
    JAVASCRIPT = "javascript"
    PYTHON = "python"
    RUBY = "ruby"
    PHP = "php"
    GO = "go"
    JAVA = "java"
    KOTLIN = "kotlin"
    SWIFT = "swift"
    CSHARP = "csharp"
    CLOJURE = "clojure"
    SHELL = "shell"


def build_literal(language: Language, value: Any) -> str:
    """``value`` as a literal: of JSON types for JavaScript and HTML, a text for the others.

    Raises ValueError for what the language cannot say, such as NaN, or NUL in a shell; TypeError
    for a value of another type.
    """
    if language in _JSON_LITERALS:
        return _JSON_LITERALS[language](value)
    if not isinstance(value, str):
        raise TypeError(f"no {language} literal for {value!r}")
    return TEXT_LITERALS[language](value)


def _javascript(value: Any) -> str:
    # ASCII only: U+2028 and U+2029 end a line in JavaScript before ES2019.
    text = json.dumps(value, allow_nan=False)
    # As a plain key it sets the prototype (ECMA-262 B.3.1); a computed one is a key like others.
    # Within a string its quotes would be escaped, so what is replaced here is a key.
    return text.replace('"__proto__": ', '["__proto__"]: ')


def _html(value: Any) -> str:
    # Also outside strings these are escapes: none of the three is JSON syntax.
    return _javascript(value).translate(_HTML)


_JSON_LITERALS: Final[Mapping[Language, Callable[[Any], str]]] = MappingProxyType(
    {Language.HTML: _html, Language.JAVASCRIPT: _javascript}
)
