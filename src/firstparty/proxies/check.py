"""Checks a proxy: asks everything in parallel, and reports each result as soon as it is known."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from firstparty.outbound.http import Request, Response, SafeClient, Unreached
from firstparty.proxies.causes import list_causes
from firstparty.proxies.context import FIRST, Check, Context, judge
from firstparty.proxies.evidence import describe_answer, describe_request
from firstparty.proxies.requests import Step, list_steps
from firstparty.proxies.result import Result, Status, Verdict
from firstparty.proxies.suite import list_checks
from firstparty.proxies.target import Side, Target

DEADLINE: Final = timedelta(seconds=5)
_REQUEST_SHARE: Final = 0.8  # of the deadline, for one request
_MAX_AT_ONCE: Final = 12

Report = Callable[[Result], None]


@dataclass(slots=True, kw_only=True)
class _Run:
    """One check under way: what was asked and answered so far, and when each is settled."""

    target: Target
    client: SafeClient
    now: datetime
    ends_at: float  # the event loop's time
    request_timeout: timedelta
    slots: asyncio.Semaphore
    settled: dict[str, asyncio.Event]
    asked: dict[str, Request] = field(default_factory=dict)
    seen: dict[str, Response | Unreached] = field(default_factory=dict)

    async def take(self, step: Step) -> None:
        """Ask, when what it follows is settled; then it is settled itself."""
        try:
            for name in step.after:
                await self.settled[name].wait()
            if all(name in self.seen for name in step.after):
                await self._ask(step)
        finally:
            self.settled[step.name].set()

    async def _ask(self, step: Step) -> None:
        request = step.build(self.seen)
        if request is None:
            return
        async with self.slots:
            left = timedelta(seconds=self.ends_at - asyncio.get_running_loop().time())
            if left > timedelta(0):
                self.asked[step.name] = request
                within = min(left, self.request_timeout)
                self.seen[step.name] = await self.client.fetch(request, within=within)

    async def decide(self, check: Check) -> Result:
        """The result, when all that the check looks at is settled."""
        firsts = {FIRST[Side(name.partition(".")[0])] for name in check.needs}
        for name in (*check.needs, *check.looks_at, *firsts):
            await self.settled[name].wait()
        context = Context(target=self.target, seen=self.seen, now=self.now)
        return self._build_result(check, context, judge(check, context))

    def _build_result(self, check: Check, context: Context, verdict: Verdict) -> Result:
        cause = list_causes()[verdict.cause] if verdict.cause else None
        request, answer = self.asked.get(verdict.about), self.seen.get(verdict.about)
        provider = self.target.provider
        if isinstance(answer, Response):
            provider = context.provider(answer)
        return Result(
            check=check.name,
            title=check.title,
            status=verdict.status,
            sentence=cause.sentence if cause else verdict.sentence,
            cause=verdict.cause,
            fix=cause.fix_for(provider) if cause else "",
            request=describe_request(request, self.target) if request else "",
            answer=describe_answer(answer, self.target) if answer else "",
        )


async def check_proxy(
    target: Target,
    client: SafeClient,
    *,
    now: datetime,
    nonce: str,
    report: Report,
    deadline: timedelta = DEADLINE,
) -> tuple[Result, ...]:
    """Every result, in the order of the documentation; ``report`` gets each as it is known.

    ``nonce`` is new for each run: the ids of the test messages are made of it. Nothing takes
    longer than ``deadline``: what was not asked until then is skipped.
    """
    steps, checks = list_steps(target, nonce=nonce), list_checks(target)
    run = _Run(
        target=target,
        client=client,
        now=now,
        ends_at=asyncio.get_running_loop().time() + deadline.total_seconds(),
        request_timeout=deadline * _REQUEST_SHARE,
        slots=asyncio.Semaphore(_MAX_AT_ONCE),
        settled={step.name: asyncio.Event() for step in steps},
    )

    async def decide(check: Check) -> Result:
        result = await run.decide(check)
        report(result)
        return result

    async with asyncio.TaskGroup() as group:
        for step in steps:
            group.create_task(run.take(step))
        decided = [group.create_task(decide(check)) for check in checks]
    await client.close()
    return tuple(task.result() for task in decided)


def summarise(results: tuple[Result, ...]) -> Status:
    """The word for all of them: the worst, where a skipped one says nothing."""
    found = {result.status for result in results}
    return next((one for one in (Status.FAIL, Status.WARN) if one in found), Status.PASS)
