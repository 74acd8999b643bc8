from hypothesis import given
from hypothesis import strategies as st

from firstparty.csp.page import read_page

MARKS = ("/ws/alias.", "WK1")
PAGE = """<!doctype html><head>
<META HTTP-EQUIV="Content-Security-Policy" content="script-src 'self'">
<meta http-equiv=refresh content=5>
<script nonce="r4nd0m">load("https://evs.x.test/ws/alias.min.js")</script>
<meta http-equiv="content-security-policy" content="img-src *">
<!-- <meta http-equiv="content-security-policy" content="default-src 'none'"> -->
"""


def test_policies_the_snippet_and_its_nonce_are_found() -> None:
    found = read_page(PAGE, MARKS)

    assert found.metas == ("script-src 'self'", "img-src *")
    assert (found.has_snippet, found.has_nonce, found.metas_before) == (True, True, 1)


def test_without_the_snippet_every_policy_counts() -> None:
    found = read_page(PAGE.replace("/ws/alias.", "/other."), MARKS)

    assert (found.has_snippet, found.has_nonce, found.metas_before) == (False, False, 2)


def test_a_script_by_its_address_is_the_snippet_too() -> None:
    assert read_page('<script src="https://evs.x/analytics.js/v1/WK1/a.js">', MARKS).has_snippet


@given(
    st.text()
    | st.lists(st.sampled_from(["<", "<meta ", "<script>", "'", '"', "<!--", ">", "WK1"])).map(
        "".join
    )
)
def test_no_page_is_too_broken_to_be_read(html: str) -> None:
    assert read_page(html, MARKS).metas_before <= len(read_page(html, MARKS).metas)
