import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.model.json_text import decode_json

ANY = msgspec.json.Decoder()
TEXT = st.text(st.characters(), max_size=20)  # surrogates too


@given(st.recursive(TEXT, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner)))
def test_whatever_javascript_writes_is_read_and_only_halves_change(value: object) -> None:
    text = json.dumps(value)

    assert decode_json(ANY, text.encode()) == _without_halves(value)


def _without_halves(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case list():
            return [_without_halves(each) for each in value]
        case _:
            return {_without_halves(name): _without_halves(each) for name, each in value.items()}


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (rb'"\ud83d cut"', "\ufffd cut"),
        (rb'"\ude00"', "\ufffd"),
        (rb'"\ud83d\ude00"', "\U0001f600"),
        (rb'"\ud83d\ud83d\ude00"', "\ufffd\U0001f600"),
        (rb'"\\ud83d"', "\\ud83d"),
        (rb'"\\\ud83d"', "\\\ufffd"),
    ],
)
def test_half_a_pair_is_one_replacement_character(text: bytes, read: str) -> None:
    assert decode_json(ANY, text) == read


@pytest.mark.parametrize("text", [b"", b"{", rb'"\ud83"', rb'"\ux"', b'{"a":\\ud83d}'])
def test_what_is_no_json_stays_refused(text: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_json(ANY, text)
