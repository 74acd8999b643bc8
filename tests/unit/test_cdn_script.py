import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.cdn.script import StandaloneScript, parse_script, patch_script
from firstparty.errors import Refused

RAW = b"""
w.analyticsWriteKey="__WRITE_KEY__";a="https://cdn.segment.com";b="https://cdn.segment.com/x";
c="https://cdn.segment.com/y";d="api.segment.io/v1";e=/https:\\/\\/cdn.segment.(com|build)/;
"""


def a_script() -> StandaloneScript:
    return parse_script(RAW, version="1.2.3")


def test_each_literal_is_replaced_and_the_regex_that_looks_alike_stays() -> None:
    patched = patch_script(
        a_script(), write_key="WK", cdn_origin="https://evs.x.test:8443", api_base="api.x.test/v1"
    ).decode()

    assert 'analyticsWriteKey="WK"' in patched
    assert patched.count("https://evs.x.test:8443") == 3
    assert 'd="api.x.test/v1"' in patched
    assert "cdn.segment.(com|build)" in patched
    assert "__WRITE_KEY__" not in patched


@pytest.mark.parametrize(
    ("raw", "literal"),
    [
        (RAW.replace(b"__WRITE_KEY__", b""), "__WRITE_KEY__"),
        (RAW + b"https://cdn.segment.com", "https://cdn.segment.com"),
        (RAW.replace(b"api.segment.io/v1", b"api.segment.io/v2"), "api.segment.io/v1"),
    ],
)
def test_a_version_with_other_counts_is_refused_by_name(raw: bytes, literal: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_script(raw, version="9.9.9")

    assert "9.9.9" in refused.value.sentence
    assert literal in refused.value.sentence


def test_a_script_that_is_not_text_is_refused() -> None:
    with pytest.raises(Refused, match="not UTF-8"):
        parse_script(b"\xff" + RAW, version="1.2.3")


@given(st.text())
def test_no_write_key_leaves_the_string_that_it_stands_in(write_key: str) -> None:
    patched = patch_script(
        a_script(), write_key=write_key, cdn_origin="https://e.test", api_base="a.test/v1"
    ).decode()
    literal = patched.partition("analyticsWriteKey=")[2].partition(';a="')[0]

    assert json.loads(literal) == write_key


def test_a_write_key_that_spells_another_literal_is_left_alone() -> None:
    patched = patch_script(
        a_script(), write_key="api.segment.io/v1", cdn_origin="https://e.test", api_base="a.test/v1"
    ).decode()

    assert 'analyticsWriteKey="api.segment.io/v1"' in patched
