import ast
import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.errors import Refused
from firstparty.snippets.catalogue import build_snippet, list_forms
from firstparty.snippets.facts import SnippetFacts
from firstparty.snippets.html import build_html_snippet
from firstparty.snippets.literals import Language, build_literal

# "__proto__" is written as a computed key, which JSON has none of: Node.js is asked about it in
# tests/integration.
KEYS = st.text().filter(lambda key: key != "__proto__")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
    max_leaves=10,
)
FACTS = SnippetFacts(
    write_key="WK",
    cdn_host="evs.cdp.shop.test",
    api_host="api.cdp.shop.test",
    alias="ab/cd",
    https_port=8443,
)


class ScriptReader(HTMLParser):
    """What an HTML parser sees of a page: the tags, and the text of its scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.script = ""

    def handle_starttag(self, tag: str, _attrs: object) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        self.script += data if self.tags == ["script"] else ""


def read_page(html: str) -> ScriptReader:
    reader = ScriptReader()
    reader.feed(html)
    reader.close()
    return reader


@given(JSON)
def test_any_value_in_html_keeps_its_meaning_and_is_plain_ascii(value: object) -> None:
    literal = build_literal(Language.HTML, value)

    assert json.loads(literal) == value
    assert literal.isascii()
    assert not set(literal) & {"<", ">", "&"}


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_in_python_keeps_its_meaning(value: str) -> None:
    assert ast.literal_eval(build_literal(Language.PYTHON, value)) == value


@given(st.text())
def test_any_text_in_javascript_is_one_line_of_json(value: str) -> None:
    literal = build_literal(Language.JAVASCRIPT, value)

    assert json.loads(literal) == value
    assert len(literal.splitlines()) == 1


@pytest.mark.parametrize(
    "evil", ["</script><script>alert(1)</script>", "<!--<script>", '"+alert(1)+"', "\u2028", "$cdn"]
)
def test_no_value_ends_the_script_element(evil: str) -> None:
    facts = SnippetFacts(write_key=evil, cdn_host="e.test", api_host="a.test", alias=evil)
    page = read_page(build_html_snippet(facts, load_options={evil: evil}))

    assert page.tags == ["script", "/script"]
    assert "alert(1)</" not in page.script
    assert page.script.count("hasPageCall") == 2


def test_the_alias_is_the_default_and_the_standard_path_a_choice() -> None:
    aliased = build_html_snippet(FACTS)
    standard = build_html_snippet(FACTS, is_standard=True)

    assert '"https://evs.cdp.shop.test:8443/ab/cd.min.js"' in aliased
    assert "analytics.min.js" not in aliased
    assert '"https://evs.cdp.shop.test:8443/analytics.js/v1/WK/analytics.min.js"' in standard


@pytest.mark.parametrize("name", ["", "1st", "a-b", "a b", "window", "location", "class", "a" * 65])
def test_a_name_that_cannot_be_a_global_is_refused(name: str) -> None:
    with pytest.raises(Refused) as refused:
        build_html_snippet(FACTS, global_name=name)

    assert refused.value.field == "global"


def test_load_options_that_json_cannot_say_are_refused() -> None:
    with pytest.raises(Refused) as refused:
        build_html_snippet(FACTS, load_options={"a": float("nan")})

    assert refused.value.field == "load_options"


def test_every_form_has_its_facts_and_renders_without_a_placeholder_left() -> None:
    for name, form in list_forms().items():
        code = build_snippet(name, FACTS)

        assert form.title
        assert "$" not in code.replace("$/", "")
        assert "WK" in code


def test_a_server_sdk_gets_the_host_as_it_wants_it() -> None:
    assert '"https://api.cdp.shop.test:8443"' in build_snippet("python", FACTS)
    assert '"https://api.cdp.shop.test:8443"' in build_snippet("node", FACTS)
    assert '"api.cdp.shop.test:8443/v1"' in build_snippet("npm", FACTS)
    assert '"https://evs.cdp.shop.test:8443"' in build_snippet("npm", FACTS)


def test_an_unknown_form_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(Refused) as refused:
        build_snippet("cobol", FACTS)

    assert "python" in refused.value.sentence
