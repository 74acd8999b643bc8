"""The doctor's check that opens a site's page in a browser."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from datetime import timedelta
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from firstparty.config.settings import Settings
from firstparty.control.csp import SitePolicies, check_source_policy
from firstparty.control.sources import SourceView
from firstparty.doctor.checks import Check, Found, Verdict
from firstparty.model.workspaces import EVERYBODY
from firstparty.outbound.http import SafeClient
from firstparty.serve.site_doctor import list_views
from firstparty.sitecheck.check import Busy, Queue, check_page
from firstparty.sitecheck.chromium import NotStarted, find_chromium
from firstparty.sitecheck.judge import judge_privacy, judge_visit
from firstparty.sitecheck.observed import Visit
from firstparty.sitecheck.remarks import Remark, SiteSource, Weight
from firstparty.store.engine import Store

_DEADLINE: Final = timedelta(seconds=58)  # what waits for results gives up after a minute
_VERDICTS: Final = MappingProxyType(
    {
        Weight.GOOD: Verdict.PASS,
        Weight.ODD: Verdict.WARN,
        Weight.BAD: Verdict.FAIL,
        Weight.UNKNOWN: Verdict.UNKNOWN,
    }
)
_MISSING: Final = Found(
    verdict=Verdict.UNKNOWN,
    code="browser-missing",
    sentence="Could not open the page: no Chromium is installed where Firstparty runs.",
    fix="Install it (Debian: apt-get install chromium), or name another in the setting "
    "site_check.chromium.",
)
_BUSY: Final = Found(
    verdict=Verdict.UNKNOWN,
    code="browser-busy",
    sentence="Could not open the page: others are being looked at.",
    fix="Try again in a minute.",
)


def build_browser_check(
    address: str, *, workspace_id: str, store: Store, settings: Settings, queue: Queue
) -> Check:
    """A check of this page, for somebody of this workspace, when it is this browser's turn."""

    async def look() -> AsyncGenerator[Found, None]:
        binary = find_chromium(settings.site_check.chromium)
        if not binary:
            yield _MISSING
            return
        views = await asyncio.to_thread(list_views, store, settings, workspace_id)
        sources = {read_source(view): view for view in views}
        visits = check_page(
            address if "://" in address else f"https://{address}",
            binary=binary,
            client=SafeClient(allow_private=settings.site_check.allow_private),
            queue=queue,
            api_hosts=frozenset(one.api_host for one in sources),
        )
        try:
            async with aclosing(visits):
                async for visited in visits:
                    remarks: Iterable[Remark] = (
                        (judge_privacy(visited.visit),)
                        if visited.is_private
                        else judge_visit(
                            visited.visit,
                            tuple(sources),
                            find_policy_lines=lambda source, visit: find_policy_lines(
                                sources[source], visit
                            ),
                        )
                    )
                    for remark in remarks:
                        yield read_remark(remark)
        except Busy:
            yield _BUSY
        except NotStarted as error:
            yield Found(
                verdict=Verdict.UNKNOWN,
                code="browser-not-started",
                sentence=f"Could not open the page: Chromium does not start ({error}).",
                fix=f"Run {binary} --headless there by hand: it says what it lacks.",
            )

    return Check(name="browser", title="the page in a browser", deadline=_DEADLINE, look=look)


def read_source(view: SourceView) -> SiteSource:
    """What the browser's check looks for of a source; by the default hosts without a domain."""
    default, facts, source = view.default_hosts, view.facts, view.source
    by_default = f"{default.cdn_origin}/analytics.js/v1/{source.write_key}/analytics.min.js"
    may_be_elsewhere = facts is None or source.share != EVERYBODY
    return SiteSource(
        id=source.id,
        name=source.name,
        write_key=source.write_key,
        cdn_host=facts.cdn_host if facts else default.cdn_host,
        api_host=facts.api_host if facts else default.api_host,
        script_url=facts.alias_url if facts else by_default,
        alias_path=view.alias_path,
        other_hosts=frozenset({default.cdn_host, default.api_host})
        if may_be_elsewhere
        else frozenset(),
    )


def find_policy_lines(view: SourceView, visit: Visit) -> tuple[str, ...]:
    """The page's policies as they would have to be for this source."""
    document = visit.document
    if view.facts is None or urlsplit(document.url).scheme not in {"http", "https"}:
        return ()
    check = check_source_policy(
        view,
        SitePolicies(
            header=document.policy,
            report_only=document.report_only,
            meta=", ".join(document.metas),
            page=document.url,
        ),
    )
    return tuple(str(change.changed) for change in check.changes if change.added)


def read_remark(remark: Remark) -> Found:
    """A remark as the doctor tells it."""
    return Found(
        verdict=_VERDICTS[remark.weight],
        code=remark.code,
        sentence=remark.sentence,
        fix=remark.fix,
        evidence=remark.evidence,
        lines=remark.lines,
    )
