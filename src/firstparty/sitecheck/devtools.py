"""The Chrome DevTools Protocol over a pair of pipes: calls, and what the browser tells unasked.

A page can make the browser tell a lot; what is longer than a bound ends the talk.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

import msgspec

MAX_MESSAGE_BYTES: Final = 8 * 1024 * 1024
_CALL: Final = timedelta(seconds=5)

Told = Callable[[str, str, Mapping[str, Any]], None]  # session, method, params


class NotAnswered(Exception):
    """The browser refused a call, did not answer it in time, or is gone."""


class DevTools:
    """One browser. ``told`` is called for each event, and must not wait."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._waiting: dict[int, asyncio.Future[Mapping[str, Any]]] = {}
        self._last = 0
        self._is_over = False
        self.told: Told = lambda _session, _method, _params: None
        self._reading = asyncio.create_task(self._read())

    async def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        session: str = "",
        within: timedelta = _CALL,
    ) -> Mapping[str, Any]:
        """The result of a call; raises NotAnswered."""
        answer = self.send(method, params, session=session)
        try:
            async with asyncio.timeout(within.total_seconds()):
                return await answer
        except TimeoutError as error:
            raise NotAnswered(f"{method}: no answer in {within.total_seconds():g} s") from error

    def send(
        self, method: str, params: Mapping[str, Any] | None = None, *, session: str = ""
    ) -> asyncio.Future[Mapping[str, Any]]:
        """Make a call without waiting for its result."""
        answer: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        # Whoever does not wait for it need not hear that it failed.
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        if self._is_over:
            answer.set_exception(NotAnswered("the browser is gone"))
            return answer
        self._last += 1
        message = {"id": self._last, "method": method, "params": params or {}}
        if session:
            message["sessionId"] = session
        self._waiting[self._last] = answer
        # Calls are small, and a visit's bounds keep them few: nobody waits for the pipe.
        self._writer.write(msgspec.json.encode(message) + b"\0")
        return answer

    async def close(self) -> None:
        """End the talk: a browser that was started with these pipes ends too."""
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        self._end("the talk is over")
        self._writer.close()

    async def _read(self) -> None:
        reason = "the browser is gone"
        try:
            while True:
                raw = await self._reader.readuntil(b"\0")
                self._take(raw[:-1])
        except (asyncio.IncompleteReadError, OSError):
            pass
        except (asyncio.LimitOverrunError, msgspec.DecodeError):
            reason = "the browser said something unreadable"
        finally:
            self._end(reason)

    def _take(self, raw: bytes) -> None:
        message = msgspec.json.decode(raw)
        if "id" not in message:
            self.told(message.get("sessionId", ""), message["method"], message["params"])
            return
        answer = self._waiting.pop(message["id"], None)
        if answer is None or answer.done():
            return
        if "error" in message:
            answer.set_exception(NotAnswered(message["error"]["message"]))
        else:
            answer.set_result(message["result"])

    def _end(self, reason: str) -> None:
        self._is_over = True
        waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            if not answer.done():
                answer.set_exception(NotAnswered(reason))
