"""One visit: a tab of its own, opened, waited for, looked at and closed, all within bounds."""

import asyncio
from datetime import timedelta
from typing import Final

from firstparty.sitecheck.chromium import Chromium
from firstparty.sitecheck.devtools import NotAnswered
from firstparty.sitecheck.egress import Egress
from firstparty.sitecheck.observed import Bounds, Document, Visit
from firstparty.sitecheck.page import build_question, read_answer
from firstparty.sitecheck.tab import Tab, without_query

_LOOK: Final = timedelta(seconds=3)
_STEP: Final = 0.1  # seconds between two looks at whether the page has settled
_SAYS_PRIVATE: Final = (
    "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', "
    "{get: function () { return true; }, configurable: true, enumerable: true});"
)


async def visit_page(
    browser: Chromium, egress: Egress, url: str, *, bounds: Bounds, is_private: bool
) -> Visit:
    """What a visitor with an empty profile sees at ``url``, who clicks on nothing.

    ``is_private``: the visitor's browser says so by Global Privacy Control.
    """
    egress.start_over(is_private=is_private)
    failure, tab = "", None
    is_silent, document = False, Document()
    context = ""
    devtools = browser.devtools
    try:
        context = (await devtools.call("Target.createBrowserContext"))["browserContextId"]
        tab = await _open_tab(browser, context, bounds=bounds, is_private=is_private)
        try:
            async with asyncio.timeout(bounds.visit.total_seconds()):
                failure = await _go(browser, tab, egress, url, bounds=bounds)
        except TimeoutError:
            tab.stopped = tab.stopped or "time"
        document, is_silent = await _look(browser, tab)
    except NotAnswered as error:
        failure = failure or str(error)
    finally:
        if context:
            devtools.send("Target.disposeBrowserContext", {"browserContextId": context})
    return Visit(
        document=document,
        exchanges=tuple(egress.exchanges),
        violations=tuple(tab.violations) if tab else (),
        failure=failure,
        stopped=(tab.stopped if tab else "") or egress.exceeded,
        is_silent=is_silent,
        page_addresses=tuple(tab.addresses) if tab else (),
    )


async def _open_tab(browser: Chromium, context: str, *, bounds: Bounds, is_private: bool) -> Tab:
    call = browser.devtools.call
    where = {"url": "about:blank", "browserContextId": context}
    target = (await call("Target.createTarget", where))["targetId"]
    attached = await call("Target.attachToTarget", {"targetId": target, "flatten": True})
    tab = Tab(browser.devtools, target=target, session=attached["sessionId"], bounds=bounds)
    denied = {"behavior": "deny", "browserContextId": context, "eventsEnabled": True}
    await call("Browser.setDownloadBehavior", denied)
    for domain in ("Page", "Network", "Audits", "Inspector"):
        await call(f"{domain}.enable", session=tab.session)
    if is_private:
        script = {"source": _SAYS_PRIVATE}
        await call("Page.addScriptToEvaluateOnNewDocument", script, session=tab.session)
    return tab


async def _go(browser: Chromium, tab: Tab, egress: Egress, url: str, *, bounds: Bounds) -> str:
    """Why there is no page; empty where there is one, which then has settled or was stopped."""
    clock = asyncio.get_running_loop().time
    answer = await browser.devtools.call(
        "Page.navigate", {"url": url}, session=tab.session, within=2 * bounds.visit
    )
    if answer.get("errorText"):
        return str(answer["errorText"])
    while not (tab.stopped or egress.exceeded or tab.is_crashed):
        has_settled = clock() - egress.last_request_at > bounds.quiet.total_seconds()
        if tab.loaded.is_set() and has_settled:
            return ""
        memory = await asyncio.to_thread(browser.measure_memory)
        if memory > bounds.max_memory_bytes:
            tab.stopped = "memory"
        await asyncio.sleep(_STEP)
    return ""


async def _look(browser: Chromium, tab: Tab) -> tuple[Document, bool]:
    """The document as it is now, and whether the page would not be looked at."""
    question = {"expression": build_question(), "returnByValue": True, "timeout": 2_000}
    call = browser.devtools.call
    try:
        said = await call("Runtime.evaluate", question, session=tab.session, within=_LOOK)
    except NotAnswered:
        page = None
    else:
        page = read_answer(said.get("result", {}).get("value"))
    if page is None:
        return Document(status=tab.status, policy=tab.policy, report_only=tab.report_only), True
    return (
        Document(
            url=without_query(page.url),
            status=tab.status,
            policy=tab.policy,
            report_only=tab.report_only,
            metas=page.metas,
            scripts=page.build_scripts(),
            globals=frozenset(page.globals),
        ),
        False,
    )
