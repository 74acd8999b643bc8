import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.cdn.bodies import MAX_BYTES, MAX_INFLATED_BYTES, Kind, Unfit, parse_body, read_json

PAGE = b"\xef\xbb\xbf\r\n <!doctype html><title>Sorry</title>"
CODE = b"window.x = 1;"


@pytest.mark.parametrize(
    "content_type",
    [
        "application/javascript",
        "text/javascript; charset=utf-8",
        "application/x-javascript",
        "binary/octet-stream",
        "",
    ],
)
def test_a_script_is_kept_as_it_came(content_type: str) -> None:
    body = parse_body(Kind.SCRIPT, CODE, content_type=content_type, content_encoding="")

    assert (body.content, body.gzipped) == (CODE, None)


@pytest.mark.parametrize("content_encoding", ["gzip", "GZIP", "x-gzip", ""])
def test_gzip_is_inflated_once_and_kept_too(content_encoding: str) -> None:
    raw = gzip.compress(CODE)
    body = parse_body(Kind.SCRIPT, raw, content_type="", content_encoding=content_encoding)

    assert (body.content, body.gzipped) == (CODE, raw)


@pytest.mark.parametrize(
    ("raw", "content_type", "content_encoding"),
    [
        pytest.param(CODE, "text/html", "", id="says it is HTML"),
        pytest.param(CODE, "text/html; charset=utf-8", "", id="says it is HTML in UTF-8"),
        pytest.param(PAGE, "application/javascript", "", id="HTML that says it is a script"),
        pytest.param(gzip.compress(PAGE), "", "gzip", id="gzipped HTML"),
        pytest.param(b"", "application/javascript", "", id="empty"),
        pytest.param(b" \n", "application/javascript", "", id="blank"),
        pytest.param(CODE, "", "br", id="an encoding nobody asked for"),
        pytest.param(gzip.compress(CODE), "", "gzip, gzip", id="two encodings"),
        pytest.param(gzip.compress(gzip.compress(CODE)), "", "gzip", id="gzip in gzip"),
        pytest.param(CODE, "", "gzip", id="not gzip"),
        pytest.param(gzip.compress(CODE)[:-3], "", "gzip", id="cut off"),
        pytest.param(gzip.compress(CODE) + b"x", "", "gzip", id="something behind"),
        pytest.param(b"x" * (MAX_BYTES + 1), "", "", id="too long"),
        pytest.param(
            gzip.compress(b"x" * (MAX_INFLATED_BYTES + 1), 1), "", "gzip", id="a gzip bomb"
        ),
    ],
)
def test_what_is_no_script_is_unfit(raw: bytes, content_type: str, content_encoding: str) -> None:
    with pytest.raises(Unfit):
        parse_body(Kind.SCRIPT, raw, content_type=content_type, content_encoding=content_encoding)


def test_settings_with_half_an_emoji_are_settings() -> None:
    raw = b'{"name": "\\ud83d"}'
    body = parse_body(Kind.SETTINGS, raw, content_type="application/json", content_encoding="")

    assert read_json(body.content) == {"name": "\ufffd"}


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (Kind.SETTINGS, b"[]"),
        (Kind.SETTINGS, b"null"),
        (Kind.SETTINGS, PAGE),
        (Kind.SETTINGS, b"{" * 100_000),
        (Kind.SETTINGS, b'{"a": "\xff"}'),
        (Kind.INTEGRATIONS, b"{}"),
        (Kind.SOURCE_MAP, b'"x"'),
    ],
)
def test_what_is_not_the_json_wanted_is_unfit(kind: Kind, raw: bytes) -> None:
    with pytest.raises(Unfit):
        parse_body(kind, raw, content_type="application/json", content_encoding="")


@given(st.sampled_from(Kind), st.binary(max_size=200), st.sampled_from(["", "gzip", "identity"]))
def test_any_bytes_are_taken_or_unfit_and_taken_ones_stay_fit(
    kind: Kind, raw: bytes, content_encoding: str
) -> None:
    try:
        body = parse_body(kind, raw, content_type="", content_encoding=content_encoding)
    except Unfit:
        return

    assert parse_body(kind, raw, content_type="", content_encoding="") == body
    assert kind is Kind.SCRIPT or isinstance(read_json(body.content), dict | list)
