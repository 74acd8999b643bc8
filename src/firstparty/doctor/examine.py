"""Runs checks at the same time, each within its own deadline, and tells results as they come."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import timedelta
from typing import Final

from firstparty.doctor.checks import Check, Found, Result, Verdict
from firstparty.telemetry import Log

_LOG: Final = Log("doctor")
_MAX_WAITING: Final = 100


async def examine(checks: Sequence[Check]) -> AsyncGenerator[Result, None]:
    """Every result, as soon as it is known.

    A check that is not done by its deadline could not check: what it told before stays. Leaving
    early (``aclose``) ends the checks.
    """
    clock = asyncio.get_running_loop().time
    start = clock()
    results: asyncio.Queue[Result | None] = asyncio.Queue(_MAX_WAITING)

    async def run(check: Check) -> None:
        # Whoever leaves early must not leave a check half way: it may hold a browser.
        async with aclosing(_look(check)) as told:
            async for found in told:
                after = timedelta(seconds=clock() - start)
                result = Result(check=check.name, title=check.title, found=found, after=after)
                await results.put(result)

    async def run_all() -> None:
        async with asyncio.TaskGroup() as group:
            for check in checks:
                group.create_task(run(check))
        await results.put(None)

    running = asyncio.create_task(run_all())
    try:
        while (result := await results.get()) is not None:
            yield result
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _look(check: Check) -> AsyncGenerator[Found, None]:
    try:
        async with (
            asyncio.timeout(check.deadline.total_seconds()),
            aclosing(check.look()) as looked,
        ):
            async for found in looked:
                yield found
    except TimeoutError:
        yield Found(
            verdict=Verdict.UNKNOWN,
            code="no-answer-in-time",
            sentence=f"Could not check: no answer within {check.deadline.total_seconds():g} s.",
        )
    except Exception:  # noqa: BLE001 - one broken check must not hide what the others find
        _LOG.exception("doctor.check_broken", check=check.name)
        yield Found(
            verdict=Verdict.UNKNOWN,
            code="check-broken",
            sentence="Could not check: this check itself is broken; the log has the reason.",
            fix="Tell whoever runs this installation.",
        )
