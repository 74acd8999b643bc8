"""Framing of groups of entries."""

import contextlib
from datetime import UTC, datetime
from ipaddress import IPv4Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.model.messages import Encoding, Path
from firstparty.spool.entries import (
    BadGroup,
    Entry,
    build_group,
    build_pieces,
    decode_group,
    encode_entry,
    encode_group,
)

addresses = st.ip_addresses(v=4) | st.ip_addresses(v=6).filter(lambda a: a.ipv4_mapped is None)
entries = st.builds(
    Entry,
    id=st.binary(min_size=16, max_size=16),
    received_at=st.datetimes(
        min_value=datetime(1970, 1, 1),  # noqa: DTZ001  # hypothesis adds the zone
        timezones=st.just(UTC),
    ).map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)),
    source=st.integers(0, 2**32 - 1),
    path=st.sampled_from(Path),
    encoding=st.sampled_from(Encoding),
    client_address=addresses,
    user_agent=st.text(st.characters(max_codepoint=255), max_size=50),
    body=st.binary(max_size=200),
)


@given(st.lists(entries, max_size=5))
def test_a_group_comes_back_as_it_was(group: list[Entry]) -> None:
    assert decode_group(encode_group(group)) == group


@given(st.binary(max_size=300))
def test_any_bytes_are_a_group_or_refused(data: bytes) -> None:
    with contextlib.suppress(BadGroup):
        decode_group(data)


@given(st.lists(entries, min_size=1, max_size=3), st.data())
def test_changed_bytes_are_a_group_or_refused(group: list[Entry], data: st.DataObject) -> None:
    broken = bytearray(encode_group(group))
    position = data.draw(st.integers(0, len(broken) - 1))
    broken[position] ^= data.draw(st.integers(1, 255))

    with contextlib.suppress(BadGroup):
        decode_group(bytes(broken))


@given(st.lists(entries, min_size=1, max_size=3), st.data())
def test_a_shortened_or_lengthened_group_is_refused(
    group: list[Entry], data: st.DataObject
) -> None:
    whole = encode_group(group)

    with pytest.raises(BadGroup):
        decode_group(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(BadGroup):
        decode_group(whole + data.draw(st.binary(min_size=1, max_size=20)))


@given(st.lists(st.tuples(st.binary(max_size=90), st.integers(0, 60_000)), min_size=1, max_size=6))
def test_a_group_in_pieces_is_the_same_group(entries: list[tuple[bytes, int]]) -> None:
    framed = [(head, bytes(size)) for head, size in entries]

    assert b"".join(build_pieces(framed)) == build_group([b"".join(one) for one in framed])


def test_large_bodies_are_not_copied_into_a_group_and_small_ones_are_one_piece() -> None:
    large, small = (b"head", bytes(88_000)), (b"head", bytes(1_000))

    assert any(piece is large[1] for piece in build_pieces([large, large]))
    assert len(build_pieces([small] * 64)) == 1


def test_an_ipv4_address_is_kept_mapped_and_comes_back_as_ipv4() -> None:
    entry = Entry(
        id=b"i" * 16,
        received_at=datetime(2026, 11, 21, tzinfo=UTC),
        source=1,
        path=Path.TRACK,
        encoding=Encoding.IDENTITY,
        client_address=ip_address("203.0.113.9"),
        user_agent="",
        body=b"{}",
    )

    (found,) = decode_group(build_group([encode_entry(entry)]))

    assert found.client_address == IPv4Address("203.0.113.9")
