"""Answers of a CA, bounded in size and time: a thread that waits for one comes back.

requests' own timeout is for each piece of an answer, and its length has no bound at all.
"""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter

MAX_BYTES: Final = 256 * 1024  # the longest chain that a pair may have is 100,000 characters


class AnswerTooLong(requests.RequestException):
    """The answer has more bytes, or takes longer, than any good one."""


class BoundedAdapter(HTTPAdapter):
    """An adapter whose answers end, one way or another. Content is taken as it is, not decoded."""

    def __init__(self, patience: timedelta) -> None:
        """``patience`` is how long an answer may take from its first byte to its last."""
        super().__init__()
        self._patience = patience

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """The library's, with a body that is read within bounds."""
        response = super().build_response(req, resp)
        response.raw = _Body(resp, patience=self._patience)
        return response


class _Body:
    """What requests reads a body from; all but the reading is urllib3's."""

    def __init__(self, raw: Any, *, patience: timedelta) -> None:
        self._raw = raw
        self._patience = patience
        self._until = time.monotonic() + patience.total_seconds()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def stream(self, amount: int, *, decode_content: bool = True) -> Iterator[bytes]:
        """The body in the pieces in which it comes."""
        del decode_content  # we ask for it as it is
        length = 0
        while piece := self._raw.read1(amount, decode_content=False):
            length += len(piece)
            if length > MAX_BYTES:
                self._raw.close()
                raise AnswerTooLong(f"more than {MAX_BYTES} bytes")
            if time.monotonic() > self._until:
                self._raw.close()
                raise AnswerTooLong(f"not complete after {self._patience}")
            yield piece
