"""One tab: what the browser tells of it is kept, and what asks for a person gets an answer."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from firstparty.sitecheck.devtools import DevTools
from firstparty.sitecheck.observed import Bounds, Violation

_MAX_VIOLATIONS: Final = 100
_MAX_URL: Final = 300
_CSP_ISSUE: Final = "ContentSecurityPolicyIssue"


class Tab:
    """Listens to one page; ``stopped`` names the bound that it passed."""

    def __init__(self, devtools: DevTools, *, target: str, session: str, bounds: Bounds) -> None:
        self._devtools = devtools
        self._bounds = bounds
        self.target = target
        self.session = session
        self.stopped = ""
        self.loaded = asyncio.Event()
        self.is_crashed = False
        self.status = 0
        self.policy = ""
        self.report_only = ""
        self._dialogs = 0
        self.addresses: list[str] = []
        self.violations: list[Violation] = []
        self._navigations = 0
        devtools.told = self._hear

    def _hear(self, session: str, method: str, params: Mapping[str, Any]) -> None:
        if method == "Browser.downloadWillBegin":
            self.loaded.set()  # denied: what was there before stays
        elif session == self.session:
            self._hear_page(method, params)

    def _hear_page(self, method: str, params: Mapping[str, Any]) -> None:
        if method == "Page.javascriptDialogOpening":
            self._dismiss()
        elif method == "Page.loadEventFired":
            self.loaded.set()
        elif method == "Inspector.targetCrashed":
            self.is_crashed = True
        elif method == "Network.requestWillBeSent":
            if params.get("type") == "Document" and params.get("frameId") == self.target:
                self._navigate(params["request"]["url"])
        elif method == "Network.responseReceived":
            if params.get("type") == "Document" and params.get("frameId") == self.target:
                self._arrive(params["response"])
        elif method == "Audits.issueAdded":
            self._note_issue(params["issue"])

    def _dismiss(self) -> None:
        self._dialogs += 1
        if self._dialogs > self._bounds.max_dialogs:
            self.stopped = self.stopped or "dialogs"
            return
        answer = {"accept": False}
        self._devtools.send("Page.handleJavaScriptDialog", answer, session=self.session)

    def _navigate(self, url: str) -> None:
        self._navigations += 1
        if self._navigations > self._bounds.max_navigations:
            self.stopped = self.stopped or "navigations"
            return
        self.loaded.clear()
        self.addresses.append(without_query(url))

    def _arrive(self, response: Mapping[str, Any]) -> None:
        headers = {str(k).lower(): str(v) for k, v in response["headers"].items()}
        self.status = int(response["status"])
        # DevTools joins several lines of one header by line feeds.
        self.policy = headers.get("content-security-policy", "").replace("\n", ", ")
        self.report_only = headers.get("content-security-policy-report-only", "").replace(
            "\n", ", "
        )
        self.violations.clear()

    def _note_issue(self, issue: Mapping[str, Any]) -> None:
        if issue["code"] != _CSP_ISSUE or len(self.violations) >= _MAX_VIOLATIONS:
            return
        said = issue["details"]["contentSecurityPolicyIssueDetails"]
        violation = Violation(
            directive=said["violatedDirective"],
            url=without_query(said.get("blockedURL", "")),
            is_report_only=bool(said["isReportOnly"]),
        )
        if violation not in self.violations:
            self.violations.append(violation)


def without_query(url: str) -> str:
    """An address as it may be shown: no query, no fragment, nobody's password, not too long."""
    try:
        parts = urlsplit(url)
        if not parts.netloc:
            return url.partition("?")[0].partition(":")[0] if ":" in url else ""
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return ""
    return f"{parts.scheme}://{host}{parts.path}"[:_MAX_URL]
