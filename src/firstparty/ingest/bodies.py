"""Bodies of messages (pure): inflated within bounds, checked to be JSON, and not changed.

The content type says nothing: browsers send text/plain, some SDKs none at all. JSON is checked in
one pass that builds no objects; what the log keeps are the bytes as they came.
"""

import zlib
from http import HTTPStatus
from typing import Any, Final

import msgspec

from firstparty.ingest.answers import Refusal
from firstparty.ingest.long_bodies import MIN_BYTES, find_write_key
from firstparty.model.json_text import decode_json
from firstparty.model.messages import MAX_BATCH_BYTES, MAX_MESSAGE_BYTES, Encoding, Path

# Members of an enumeration cost more to look up than names (Python 3.11).
_IDENTITY, _GZIP, _BATCH_PATH = Encoding.IDENTITY, Encoding.GZIP, Path.BATCH
_GZIP_WINDOW: Final = 31  # zlib: a gzip header and trailer, the largest window
_GZIP_NAMES: Final = frozenset({b"gzip", b"x-gzip"})  # RFC 9110 §8.4.1.3


# A long batch may be read by a parser that goes a little deeper than what looks into it later.
TOO_DEEP: Final = Refusal(
    status=HTTPStatus.BAD_REQUEST, code="invalid_json", message="The body is nested too deeply."
)

# How a body that may be stored is encoded, and the "writeKey" in it, which may be no text at all.
# A bare tuple: one is made for each request, and a frozen dataclass would take 1.5 us more.
Body = tuple[Encoding, object]


class _Message(msgspec.Struct, gc=False):
    write_key: Any = msgspec.field(default=None, name="writeKey")


class _Batch(msgspec.Struct, gc=False):
    batch: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    write_key: Any = msgspec.field(default=None, name="writeKey")


_MESSAGE: Final = msgspec.json.Decoder(_Message)
_BATCH: Final = msgspec.json.Decoder(_Batch)


def parse_body(data: bytes, content_encoding: bytes, path: Path) -> Body | Refusal:
    """The body of a request to a path that takes messages."""
    encoding, text = _IDENTITY, data
    if content_encoding:
        decoded = _decode(data, content_encoding)
        if isinstance(decoded, Refusal):
            return decoded
        encoding, text = decoded
    limit = MAX_BATCH_BYTES if path is _BATCH_PATH else MAX_MESSAGE_BYTES
    if len(text) > limit:
        return too_large(path)
    if path is _BATCH_PATH and len(text) >= MIN_BYTES:
        known = find_write_key(text)
        if known is not None:
            return encoding, known[0]
    return _read(text, encoding, path)


def _read(text: bytes, encoding: Encoding, path: Path) -> Body | Refusal:
    try:
        # msgspec does not look at the UTF-8 of what it skips.
        if not text.isascii():
            text.decode()
        if path is not _BATCH_PATH:
            return encoding, decode_json(_MESSAGE, text).write_key
        found = decode_json(_BATCH, text)
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError) as error:
        return _explain(error, text)
    if bytes(memoryview(found.batch)[:1]) != b"[":
        return _bad_body("no_batch", 'The body must have a list "batch" of messages.')
    return encoding, found.write_key


def _decode(data: bytes, content_encoding: bytes) -> tuple[Encoding, bytes] | Refusal:
    """How a body is encoded, and what it then holds."""
    name = content_encoding.strip().lower()
    if name in {b"", b"identity"}:
        return _IDENTITY, data
    if name not in _GZIP_NAMES:
        return Refusal(
            status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            code="unsupported_encoding",
            message="Content-Encoding must be gzip or absent.",
        )
    inflated = inflate(data)
    return inflated if isinstance(inflated, Refusal) else (_GZIP, inflated)


def count_messages(text: bytes, path: Path) -> int:
    """How many messages are in a body that ``parse_body`` has taken.

    Raises RecursionError where it is nested too deeply.
    """
    if path is not _BATCH_PATH:
        return 1
    return len(msgspec.json.decode(decode_json(_BATCH, text).batch, type=list[msgspec.Raw]))


def read_text(data: bytes, encoding: Encoding) -> bytes:
    """The text of a body that ``parse_body`` has taken."""
    if encoding is _IDENTITY:
        return data
    text = inflate(data)
    assert not isinstance(text, Refusal)  # it was inflated before
    return text


def too_large(path: Path) -> Refusal:
    """The refusal of a body over the limit of its path, once decoded."""
    if path is Path.BATCH:
        message = f"The body is larger than {MAX_BATCH_BYTES} bytes: send smaller batches."
        code = "batch_too_large"
    else:
        message = f"The message is larger than {MAX_MESSAGE_BYTES} bytes."
        code = "message_too_large"
    return Refusal(status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE, code=code, message=message)


def inflate(data: bytes) -> bytes | Refusal:
    """Gunzip one member, at most MAX_BATCH_BYTES of it: a bomb is never unpacked further."""
    stream = zlib.decompressobj(_GZIP_WINDOW)
    try:
        text = stream.decompress(data, MAX_BATCH_BYTES + 1)
    except zlib.error:
        return _bad_gzip("The body is not gzip, though Content-Encoding says so.")
    if len(text) > MAX_BATCH_BYTES:
        return too_large(Path.BATCH)
    if not stream.eof:
        return _bad_gzip("The gzip body is cut off.")
    if stream.unused_data:
        return _bad_gzip("There is more behind the end of the gzip body.")
    return text


def _bad_gzip(message: str) -> Refusal:
    return Refusal(status=HTTPStatus.BAD_REQUEST, code="invalid_gzip", message=message)


def _bad_body(code: str, message: str) -> Refusal:
    return Refusal(status=HTTPStatus.BAD_REQUEST, code=code, message=message)


def _explain(error: Exception, text: bytes) -> Refusal:
    """Why a body is none, in words."""
    if not text:
        return _bad_body("empty_body", "The body is empty; it must be a JSON object.")
    if isinstance(error, msgspec.ValidationError):
        return _bad_body("not_an_object", "The body must be a JSON object.")
    if isinstance(error, UnicodeDecodeError):
        reason = f"The body is not UTF-8 at byte {error.start}."
    elif isinstance(error, RecursionError):
        return TOO_DEEP
    else:
        reason = f"The body is not JSON: {error}."
    return _bad_body("invalid_json", reason)
