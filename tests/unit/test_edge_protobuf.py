import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.edge.protobuf import Broken, Field, Kind, Table, decode, encode
from firstparty.edge.xds import (
    DELTA_REQUEST,
    DELTA_RESPONSE,
    DeltaRequest,
    DeltaResponse,
    Resource,
    build_response,
    build_secret,
    parse_request,
)

INNER: Table = {"text": Field(1, Kind.TEXT), "number": Field(1000, Kind.UNSIGNED)}
OUTER: Table = {
    "text": Field(1, Kind.TEXT),
    "data": Field(2, Kind.BYTES),
    "number": Field(3, Kind.UNSIGNED),
    "yes": Field(4, Kind.BOOL),
    "inner": Field(15, INNER),
    "texts": Field(16, Kind.TEXT, repeated=True),
    "inners": Field(17, INNER, repeated=True),
}
NUMBERS = st.integers(min_value=0, max_value=2**64 - 1)
INNERS = st.fixed_dictionaries({}, optional={"text": st.text(), "number": NUMBERS})
OUTERS = st.fixed_dictionaries(
    {},
    optional={
        "text": st.text(),
        "data": st.binary(),
        "number": NUMBERS,
        "yes": st.booleans(),
        "inner": INNERS,
        "texts": st.lists(st.text(), min_size=1),
        "inners": st.lists(INNERS, min_size=1),
    },
)


@given(OUTERS)
def test_what_was_encoded_is_decoded(message: dict[str, Any]) -> None:
    assert decode(encode(message, OUTER), OUTER) == message


@given(OUTERS)
def test_a_reader_skips_fields_that_it_does_not_know(message: dict[str, Any]) -> None:
    narrow = {"inners": OUTER["inners"]}

    known = {name: value for name, value in message.items() if name in narrow}

    assert decode(encode(message, OUTER), narrow) == known


@given(OUTERS, st.integers(min_value=1, max_value=8))
def test_a_message_cut_short_is_broken_or_has_lost_fields(
    message: dict[str, Any], octets: int
) -> None:
    data = encode(message, OUTER)
    with contextlib.suppress(Broken):
        assert decode(data[:-octets], OUTER) != message or not data


@given(st.binary())
def test_any_bytes_are_a_request_or_broken(data: bytes) -> None:
    with contextlib.suppress(Broken):
        parse_request(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x12", "cut short"),
        (b"\x12\x05ab", "cut short"),
        (b"\x12\x01\xff", "not UTF-8"),
        (b"\x10\x01", "wrong wire type"),
        (b"\x3a\x02\x12\x09", "cut short"),
        (b"\x02\x00", "field number 0"),
        (b"\x13", "wire type 3"),
        (b"\x80" * 11, "more than ten bytes"),
    ],
)
def test_broken_bytes_are_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(Broken, match=reason):
        decode(data, DELTA_REQUEST)


# Written by the generated classes of envoy-data-plane 2.2.0.
REQUEST = "0a060a04656467651201741a01611a01622201632a060a01641201313201373a0708031203626164"
RESPONSE = "121c1a016e0a017612140a0174120f0a016e120a0a03120143120312014b2201742a0131"
REMOVED = "2201743201782a0132"


def test_a_request_is_read_as_generated_code_writes_it() -> None:
    request = parse_request(bytes.fromhex(REQUEST))

    assert request == DeltaRequest(
        type_url="t",
        subscribe=["a", "b"],
        unsubscribe=["c"],
        known={"d": "1"},
        response_nonce="7",
        error="bad",
    )


@pytest.mark.parametrize(
    ("response", "generated"),
    [
        (
            DeltaResponse(
                type_url="t",
                nonce="1",
                resource=Resource(
                    type_url="t",
                    name="n",
                    version="v",
                    body=build_secret("n", chain=b"C", key=b"K"),
                ),
            ),
            RESPONSE,
        ),
        (DeltaResponse(type_url="t", nonce="2", removed=("x",)), REMOVED),
    ],
)
def test_a_response_says_what_generated_code_says(response: DeltaResponse, generated: str) -> None:
    ours, theirs = build_response(response), bytes.fromhex(generated)

    assert len(ours) == len(theirs)  # so that the table knows every field of theirs
    assert decode(ours, DELTA_RESPONSE) == decode(theirs, DELTA_RESPONSE)
