"""Protocol buffers by table: as much of the wire format as a few messages of Envoy need.

A message is a mapping of field names to values; its table says number and kind of each field.
Nothing here knows any message. Wire format: https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum, auto
from typing import Any, Final

_LAST_GROUP: Final = 0x7F
_MORE: Final = 0x80
_MAX_VARINT_BYTES: Final = 10  # 64 bits, seven a byte


class Broken(ValueError):
    """The bytes are not a message of this table."""


class WireType(IntEnum):
    """How a field's value is laid out; the other two wire types were never in proto3."""

    VARINT = 0
    FIXED64 = 1
    LENGTH = 2
    FIXED32 = 5


class Kind(Enum):
    """Kinds of single values."""

    TEXT = auto()
    BYTES = auto()
    UNSIGNED = auto()
    BOOL = auto()


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a table: its number, the kind of its value, and whether it repeats."""

    number: int
    kind: "Kind | Table"
    repeated: bool = False


Table = Mapping[str, Field]


def encode(message: Mapping[str, Any], table: Table) -> bytes:
    """The bytes of ``message``; a name that is not in the table is a KeyError.

    Whatever is in the mapping is written, defaults too: readers take both alike.
    """
    parts: list[bytes] = []
    for name, value in message.items():
        field = table[name]
        values = value if field.repeated else (value,)
        parts.extend(_encode_field(field, single) for single in values)
    return b"".join(parts)


def _encode_field(field: Field, value: Any) -> bytes:
    match field.kind:
        case Kind.UNSIGNED | Kind.BOOL:
            return _varint(field.number << 3 | WireType.VARINT) + _varint(int(value))
        case Kind.TEXT:
            body = str(value).encode()
        case Kind.BYTES:
            body = bytes(value)
        case table:
            body = encode(value, table)
    return _varint(field.number << 3 | WireType.LENGTH) + _varint(len(body)) + body


def _varint(number: int) -> bytes:
    if number < 0:
        raise ValueError(f"{number} is negative")
    octets = bytearray()
    while number > _LAST_GROUP:
        octets.append(number & _LAST_GROUP | _MORE)
        number >>= 7
    octets.append(number)
    return bytes(octets)


def decode(data: bytes, table: Table) -> dict[str, Any]:
    """The fields of ``data`` that the table knows; repeated ones as lists. Raises Broken.

    Nothing nests deeper than the table does.
    """
    names = {field.number: (name, field) for name, field in table.items()}
    message: dict[str, Any] = {}
    for number, value in _fields(data):
        if number not in names:
            continue
        name, field = names[number]
        single = _decode_value(field, value)
        if field.repeated:
            message.setdefault(name, []).append(single)
        else:
            message[name] = single
    return message


def _decode_value(field: Field, value: int | bytes) -> Any:
    match field.kind, value:
        case Kind.UNSIGNED, int():
            return value
        case Kind.BOOL, int():
            return value != 0
        case Kind.BYTES, bytes():
            return value
        case Kind.TEXT, bytes():
            try:
                return value.decode()
            except UnicodeDecodeError as error:
                raise Broken(f"field {field.number} is not UTF-8") from error
        case Kind(), _:
            raise Broken(f"field {field.number} has the wrong wire type")
        case table, bytes():
            return decode(value, table)
        case _:
            raise Broken(f"field {field.number} has the wrong wire type")


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    position = 0
    while position < len(data):
        tag, position = _read_varint(data, position)
        number, wire_type = tag >> 3, tag & 7
        if number == 0:
            raise Broken("field number 0")
        if wire_type == WireType.VARINT:
            value, position = _read_varint(data, position)
            yield number, value
            continue
        if wire_type == WireType.LENGTH:
            size, position = _read_varint(data, position)
        elif wire_type in {WireType.FIXED32, WireType.FIXED64}:
            size = 4 if wire_type == WireType.FIXED32 else 8
        else:
            raise Broken(f"wire type {wire_type}")
        end = position + size
        if end > len(data):
            raise Broken("cut short")
        yield number, data[position:end]
        position = end


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    number = 0
    for index in range(_MAX_VARINT_BYTES):
        if position + index >= len(data):
            raise Broken("cut short")
        octet = data[position + index]
        number |= (octet & _LAST_GROUP) << 7 * index
        if not octet & _MORE:
            return number & 0xFFFF_FFFF_FFFF_FFFF, position + index + 1
    raise Broken("a varint of more than ten bytes")
