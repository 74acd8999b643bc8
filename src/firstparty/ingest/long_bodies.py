"""Long batches checked in half the time, where nothing about them is unusual. Pure.

simdjson reads 64 bytes in a step, and checks UTF-8 meanwhile. It takes a little less than SDKs may
send (numbers beyond 64 bits, half a surrogate pair), and of a name that comes twice it finds the
other value: whatever is not plain goes the way of all bodies, which alone says what is wrong. A
test compares both.
"""

from typing import Final

try:
    import simdjson
except ImportError:  # no wheel for this Python: every body goes the other way
    _PARSER = None
else:
    _PARSER = simdjson.Parser()  # it keeps its memory from one body to the next

MIN_BYTES: Final = 8_192  # below, the other way is as quick


def find_write_key(text: bytes) -> tuple[object] | None:
    """What a good batch has as "writeKey", in a tuple (None: nothing); None if that is unsure."""
    # A byte order mark is no JSON (RFC 8259 §8.1), though simdjson takes it.
    if _PARSER is None or text[:1] != b"{":
        return None
    try:
        found = _PARSER.parse(text)
    except (ValueError, RuntimeError):  # all that it raises
        return None
    if not isinstance(found, simdjson.Object):
        return None
    names = list(found)
    if names.count("batch") != 1 or not isinstance(found["batch"], simdjson.Array):
        return None
    write_key = None
    if "writeKey" in names:
        write_key = found["writeKey"]
        if names.count("writeKey") != 1 or not isinstance(write_key, str):
            return None
    return (write_key,)
