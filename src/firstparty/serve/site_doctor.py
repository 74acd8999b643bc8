"""Which checks the doctor has for an address: a site's page, or a custom proxy."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from firstparty.config.settings import Settings
from firstparty.control.callers import SYSTEM
from firstparty.control.csp import SitePolicies, check_source_policy
from firstparty.control.rules import build_rules
from firstparty.control.sources import SourceView, list_sources
from firstparty.doctor.checks import Check, Found, Verdict
from firstparty.doctor.page import KnownSource, Seen, find_on_page, judge_snippet, read_page
from firstparty.errors import Refused
from firstparty.model.workspaces import SourceType
from firstparty.outbound.http import Request, Response, SafeClient, Unreached
from firstparty.proxies.check import check_proxy
from firstparty.proxies.result import Result, Status
from firstparty.proxies.target import parse_target
from firstparty.store.engine import Store

_FETCH: Final = timedelta(seconds=8)
_DEADLINE: Final = timedelta(seconds=15)
_MAX_SOURCES: Final = 200
_VERDICTS: Final = {
    Status.PASS: Verdict.PASS,
    Status.WARN: Verdict.WARN,
    Status.FAIL: Verdict.FAIL,
    Status.SKIP: Verdict.UNKNOWN,
}


def list_site_checks(
    address: str, *, workspace_id: str, store: Store, settings: Settings, is_run: bool
) -> tuple[Check, ...]:
    """Checks of this address, at public addresses only; raises Refused for what is none.

    ``is_run``: a browser opens the page as well, and has the last word on what is not in its HTML.
    """
    url = urlsplit(address if "://" in address else f"https://{address}")
    target = parse_target(cdn=f"{url.scheme}://{url.netloc}", api=None)
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    if not path.isascii() or not path.isprintable() or " " in path:
        raise Refused("bad-address", f"{address!r} is not an address of a page.", field="url")
    request = Request(
        method="GET",
        host=target.cdn.host,
        port=target.cdn.port,
        target=path,
        headers=(("User-Agent", "firstparty-doctor"), ("Accept", "text/html,*/*;q=0.5")),
    )

    site = _Site(request)

    async def look_at_page() -> AsyncGenerator[Found, None]:
        answer = await site.fetch()
        views = await asyncio.to_thread(list_views, store, settings, workspace_id)
        for found in judge_site(answer, views, page=address):
            if not (is_run and found.code == "snippet-missing"):
                yield found

    async def look_at_proxy() -> AsyncGenerator[Found, None]:
        if _is_page(await site.fetch()):
            return  # a site, not a proxy of the CDN
        queue: asyncio.Queue[Result] = asyncio.Queue()
        running = asyncio.create_task(
            check_proxy(
                target,
                SafeClient(allow_private=False),
                now=datetime.now(UTC),
                nonce=secrets.token_hex(8),
                report=queue.put_nowait,
            )
        )
        try:
            while not (running.done() and queue.empty()):
                waiting = asyncio.create_task(queue.get())
                await asyncio.wait({waiting, running}, return_when=asyncio.FIRST_COMPLETED)
                if waiting.done():
                    yield _read_result(waiting.result())
                else:
                    waiting.cancel()
        finally:
            running.cancel()

    return (
        Check(name="page", title="the page", deadline=_DEADLINE, look=look_at_page),
        Check(name="proxy", title="a custom proxy", deadline=_DEADLINE, look=look_at_proxy),
    )


class _Site:
    """The address, fetched once for all checks."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._task: asyncio.Task[Response | Unreached] | None = None

    async def fetch(self) -> Response | Unreached:
        """What it answers, or why nothing."""
        if self._task is None:
            self._task = asyncio.create_task(self._fetch())
        return await asyncio.shield(self._task)

    async def _fetch(self) -> Response | Unreached:
        client = SafeClient(allow_private=False)
        try:
            return await client.fetch(self._request, within=_FETCH)
        finally:
            await client.close()


def _is_page(answer: Response | Unreached) -> bool:
    return (
        isinstance(answer, Response)
        and answer.status == 200  # noqa: PLR2004 - RFC 9110 §15.3.1
        and "html" in answer.get("content-type").lower()
    )


def judge_site(
    answer: Response | Unreached, views: Sequence[SourceView], *, page: str
) -> Iterable[Found]:
    """What the answer says of the page: whether it is one, its snippets, its policies."""
    if isinstance(answer, Unreached):
        yield Found(
            verdict=Verdict.FAIL,
            code=f"page-{answer.failure}",
            sentence=f"The page does not answer: {answer.detail}.",
            fix="Look whether the address is right and public.",
        )
        return
    seen = read_page(answer.get("content-type"), answer.body)
    if not _is_page(answer):
        yield Found(
            verdict=Verdict.UNKNOWN,
            code="not-a-page",
            sentence=f"Could not check snippets and policy: the address answers {answer.status} "
            f"with {answer.get('content-type') or 'no type'}, which is no page.",
        )
        return
    known = {_known(view): view for view in views if view.facts is not None}
    yield from judge_snippet(seen, tuple(known))
    for one in find_on_page(seen, tuple(known)):
        yield judge_policy(known[one], answer, seen, page=page)


def judge_policy(view: SourceView, answer: Response, seen: Seen, *, page: str) -> Found:
    """Whether the page's Content Security Policy lets this source work."""
    check = check_source_policy(
        view,
        SitePolicies(
            header=answer.get("content-security-policy"),
            report_only=answer.get("content-security-policy-report-only"),
            meta=", ".join(seen.meta_policies),
            page=page,
        ),
    )
    blocked = [one.need.what for one in check.verdicts if not one.is_allowed]
    if not blocked:
        return Found(
            verdict=Verdict.PASS,
            sentence=f"The page's policy, if it has one, allows all that {view.source.name} needs.",
        )
    changes = "; ".join(str(change.changed) for change in check.changes if change.added)
    return Found(
        verdict=Verdict.FAIL,
        code="policy-blocks",
        sentence=f"The page's Content Security Policy blocks {', '.join(blocked)}.",
        fix=f"Change it to: {changes}"
        if changes
        else "firstparty sources csp ID says what to add.",
    )


def list_views(store: Store, settings: Settings, workspace_id: str) -> list[SourceView]:
    """The javascript sources of a workspace, the first two hundred."""
    views = list_sources(
        store, SYSTEM, workspace_id=workspace_id, rules=build_rules(settings), limit=_MAX_SOURCES
    )
    return [view for view in views if view.source.type is SourceType.JAVASCRIPT]


def _known(view: SourceView) -> KnownSource:
    assert view.facts is not None
    return KnownSource(
        name=view.source.name,
        write_key=view.source.write_key,
        cdn_host=view.facts.cdn_host,
        alias_path=view.alias_path,
    )


def _read_result(result: Result) -> Found:
    return Found(
        verdict=_VERDICTS[result.status],
        code=result.cause or result.check,
        sentence=f"{result.title}: {result.sentence}",
        fix=result.fix,
    )
