"""Checks proxies from here for the reconciler: at public addresses only, a few at a time."""

import asyncio
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Final

from firstparty.outbound.http import SafeClient
from firstparty.proxies.check import check_proxy
from firstparty.proxies.result import Result
from firstparty.proxies.target import Target

# A check makes some 45 connections in 5 s at most: a full round of leases is over within one lease.
MAX_AT_ONCE: Final = 8


class PublicProxies:
    """The real probe."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._slots = asyncio.Semaphore(MAX_AT_ONCE)

    async def check(self, target: Target) -> tuple[Result, ...]:
        """Every result of the suite."""
        async with self._slots:
            return await check_proxy(
                target,
                SafeClient(allow_private=False),
                now=self._clock(),
                nonce=secrets.token_hex(8),
                report=_ignore,
            )


def _ignore(result: Result) -> None:
    del result
