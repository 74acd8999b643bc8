import gzip
from http import HTTPStatus

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.cdn.answers import Answer, answer_asset, choose_encoding
from firstparty.cdn.assets import Asset, AssetCache, build_asset, build_gzip_asset

BODY = b"let a = 1;" * 100


def an_asset(body: bytes = BODY) -> Asset:
    return build_asset(body, content_type="text/javascript", cache_control="public, max-age=300")


def ask(
    asset: Asset, *, accept: str = "", if_none_match: str = ""
) -> tuple[Answer, dict[str, str]]:
    answer = answer_asset(asset, accept_encoding=accept, if_none_match=if_none_match)
    return answer, dict(answer.headers)


def test_who_takes_gzip_gets_gzip() -> None:
    answer, headers = ask(an_asset(), accept="gzip, deflate")

    assert headers["Content-Encoding"] == "gzip"
    assert headers["Vary"] == "Accept-Encoding"
    assert gzip.decompress(answer.body) == BODY


def test_who_takes_brotli_gets_brotli_under_a_validator_of_its_own() -> None:
    answer, headers = ask(an_asset(), accept="gzip, deflate, br, zstd")
    _, gzipped = ask(an_asset(), accept="gzip")

    assert headers["Content-Encoding"] == "br"
    assert brotli.decompress(answer.body) == BODY
    assert headers["ETag"] != gzipped["ETag"]


def test_who_takes_neither_gets_the_plain_body() -> None:
    answer, headers = ask(an_asset(), accept="br;q=0, gzip;q=0")

    assert "Content-Encoding" not in headers
    assert headers["Vary"] == "Accept-Encoding"
    assert answer.body == BODY


def test_a_gz_name_is_gzip_exactly_once_for_everybody() -> None:
    asset = build_gzip_asset(
        gzip.compress(BODY), content_type="text/javascript", cache_control="immutable"
    )
    answer, headers = ask(asset, accept="")

    assert headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.body) == BODY


def test_each_encoding_has_a_validator_of_its_own_that_is_answered_304() -> None:
    _, plain = ask(an_asset())
    _, gzipped = ask(an_asset(), accept="gzip")
    again, headers = ask(an_asset(), accept="gzip", if_none_match=f'"x", W/{gzipped["ETag"]}')
    other, _ = ask(an_asset(), accept="gzip", if_none_match=plain["ETag"])

    assert again.status is HTTPStatus.NOT_MODIFIED
    assert again.body == b""
    assert headers["ETag"] == gzipped["ETag"]
    assert other.status is HTTPStatus.OK


def test_another_content_has_another_validator() -> None:
    _, one = ask(an_asset())
    _, other = ask(an_asset(BODY + b"//"))

    assert one["ETag"] != other["ETag"]


@pytest.mark.parametrize(
    ("accept_encoding", "chosen"),
    [
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "br"),
        ("GZIP;q=0.5", "gzip"),
        ("x-gzip", "gzip"),
        ("*", "gzip"),  # brotli has to be named
        ("br, *;q=0", "br"),
        ("gzip;q=0.000", ""),
        ("*, gzip;q=0", ""),
        ("gzipped, brotli", ""),
        ("", ""),
        ("BR;q=0.1", "br"),
        ("br;q=0, gzip", "gzip"),
        ("br;q=0.5, gzip;q=0.8", "gzip"),
        ("br; q=0.8, gzip ;q=0.8", "br"),
        ("br;q=0.001, *;q=0.1", "gzip"),
        ("gzip;q=0.5, identity", ""),
        ("gzip, identity;q=0.5", "gzip"),
        ("gzip;q=nonsense", "gzip"),
    ],
)
def test_accept_encoding_is_read_as_the_rfc_says(accept_encoding: str, chosen: str) -> None:
    assert choose_encoding(accept_encoding, ("br", "gzip")) == chosen


@given(st.text(), st.text())
def test_no_header_breaks_an_answer(accept_encoding: str, if_none_match: str) -> None:
    answer, _ = ask(an_asset(), accept=accept_encoding, if_none_match=if_none_match)

    assert answer.status in {HTTPStatus.OK, HTTPStatus.NOT_MODIFIED}


async def test_what_is_asked_for_again_is_built_once() -> None:
    cache = AssetCache(max_bytes=1_000_000)
    first = await cache.get("a", an_asset)
    second = await cache.get("a", an_asset)

    assert first is second
    assert cache.builds == 1


async def test_the_least_recently_used_asset_is_dropped_when_the_cache_is_full() -> None:
    cache = AssetCache(max_bytes=2 * an_asset().size)
    for key in ("a", "b", "a", "c", "a"):
        await cache.get(key, an_asset)
    builds = cache.builds
    await cache.get("b", an_asset)

    assert builds == 3
    assert cache.builds == 4
    assert cache.size <= 2 * an_asset().size
