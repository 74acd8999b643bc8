import html
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firstparty.snippets.literals import Language, build_literal

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
ESCAPED = [
    Language.RUBY,
    Language.PHP,
    Language.GO,
    Language.JAVA,
    Language.KOTLIN,
    Language.SWIFT,
    Language.CSHARP,
    Language.CLOJURE,
]
# What starts something else than text within double quotes.
INTERPOLATES = {Language.RUBY: "#", Language.PHP: "$", Language.KOTLIN: "$"}
ESCAPE = re.compile(
    r"\\(?:u\{([0-9a-f]+)\}|u([0-9a-f]{4})|U([0-9a-f]{8})|([0-3][0-7]{2})|([^uU0-3]))"
)


def read_escapes(literal: str) -> str:
    """What the languages read: their own reading is asked for in tests/integration."""

    def one(found: re.Match[str]) -> str:
        braces, unit, long, octal, plain = found.groups()
        return plain or chr(int(octal, 8) if octal else int(braces or unit or long, 16))

    text = ESCAPE.sub(one, literal[1:-1])
    return text.encode("utf-16-be", "surrogatepass").decode("utf-16-be")


@pytest.mark.parametrize("language", ESCAPED)
@given(TEXT)
@example('"\\#{x}$y\n\r\0\u2028\U0001f600\\u0022\\(z)`')
def test_any_text_is_one_quoted_line_of_plain_ascii(language: Language, text: str) -> None:
    literal = build_literal(language, text)
    unescaped = ESCAPE.sub("", literal[1:-1])

    assert read_escapes(literal) == text
    assert literal.isascii()
    assert literal.isprintable()
    assert not set(unescaped) & {'"', "\\", INTERPOLATES.get(language, '"')}


@given(TEXT)
def test_any_text_in_markup_stays_within_its_quotes(text: str) -> None:
    literal = build_literal(Language.MARKUP, text)

    assert html.unescape(literal[1:-1]) == html.unescape(html.escape(text))
    assert not set(literal[1:-1]) & {'"', "<", ">"}


@pytest.mark.parametrize("language", ESCAPED)
def test_half_a_surrogate_pair_is_no_text(language: Language) -> None:
    with pytest.raises(ValueError, match="surrogates"):
        build_literal(language, "\ud800")


def test_a_shell_has_no_word_for_nul() -> None:
    with pytest.raises(ValueError, match="NUL"):
        build_literal(Language.SHELL, "a\0b")


@pytest.mark.parametrize("language", [*ESCAPED, Language.PYTHON, Language.SHELL, Language.MARKUP])
def test_what_is_not_a_text_is_refused(language: Language) -> None:
    with pytest.raises(TypeError):
        build_literal(language, {"a": 1})
