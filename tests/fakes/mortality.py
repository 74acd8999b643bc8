"""Ends a coroutine at its n-th await: what was awaited has happened, and nobody learns of it."""

from collections.abc import Awaitable, Coroutine, Generator
from typing import Any


class Killed(BaseException):
    """The process died here."""


class Mortal(Awaitable[bool]):
    """Awaits a coroutine; after ``lives`` awaits of it, it dies. False: it died."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], *, lives: int) -> None:
        self._coroutine = coroutine
        self._lives = lives

    def __await__(self) -> Generator[Any, Any, bool]:
        lived = 0
        while True:
            try:
                awaited = self._coroutine.send(None)
            except StopIteration:
                return True
            yield awaited
            lived += 1
            if lived == self._lives:
                try:
                    self._coroutine.throw(Killed())
                except Killed:
                    return False
