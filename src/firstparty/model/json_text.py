"""JSON as SDKs really write it, which is a little more than our decoder takes.

``JSON.stringify`` writes half a surrogate pair for a string that was cut within an emoji. That is
JSON (RFC 8259 §8.2), but stands for no character, and msgspec refuses the whole text for it. Such
halves are read as U+FFFD, so that nobody's message is lost for a cut emoji.
"""

import re
import sys
from typing import Final, TypeVar

import msgspec

T = TypeVar("T")

# A backslash escapes what follows it, so escapes are read in turn: a pair, a half, anything else.
_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_REPLACEMENT: Final = rb"\ufffd"
_DEEPER_THAN_INGEST: Final = 3_000


def read_deeper_than_ingest() -> None:
    """Let this process read whatever ingest has taken, however deeply nested it is.

    That depends on Python's recursion limit and on how deep the stack is already. Ingest keeps the
    usual 1,000; a process that reads messages behind it calls this at its start.
    """
    sys.setrecursionlimit(_DEEPER_THAN_INGEST)


def decode_json(decoder: msgspec.json.Decoder[T], text: bytes) -> T:
    """What ``decoder`` reads in ``text``. Raises what it raises: msgspec.DecodeError and kin."""
    try:
        return decoder.decode(text)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        return decoder.decode(_ESCAPE.sub(_mend, text))


def _mend(escape: re.Match[bytes]) -> bytes:
    return _REPLACEMENT if escape["lone"] else escape[0]
