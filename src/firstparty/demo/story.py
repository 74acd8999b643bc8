"""The demo's story: an owner asks for a subdomain, adds the records, and messages flow.

Everything goes through the doors that a user has: REST, DNS, HTTPS. A step that fails ends the
story with the reason.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final, NamedTuple

import httpx

from firstparty.config.addresses import Address
from firstparty.demo import traffic
from firstparty.demo.installation import CUSTOM_DOMAIN, SHOP_DOMAIN
from firstparty.demo.parent import add_delegation
from firstparty.demo.report import DemoReport, build_domain_report

READY_SECONDS: Final = 30.0
LIVE_SECONDS: Final = 60.0
ARRIVAL_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.05


class StoryFailed(Exception):
    """A step of the story did not come true; the message is the reason."""


class Told(NamedTuple):
    """One line of the story: what happened, and how long it took in seconds."""

    text: str
    seconds: float


Tell = Callable[[Told], None]


@dataclass(slots=True, kw_only=True)
class Story:
    """What the story has found out so far. ``call`` speaks REST, as the demo's person."""

    report: DemoReport
    call: httpx.AsyncClient
    tell: Tell
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    domain: dict[str, Any] = field(default_factory=dict)

    async def run(self) -> None:
        """Tell the whole story. Raises StoryFailed."""
        await self._step("all roles are serving", self._wait_until_serving())
        await self._step("a workspace with three sources", self._create_workspace())
        await self._step(f"{CUSTOM_DOMAIN} asked for, by delegation", self._request_domain())
        await self._step("the owner adds the NS records at the parent", self._delegate())
        await self._step(f"{CUSTOM_DOMAIN} is live over HTTPS", self._wait_until_live())
        await self._step("Analytics.js, its settings and its alias load", self._load_script())
        await self._step("the default hosts serve every source", self._check_default_hosts())
        await self._step("nine messages sent, each answered 200", self._send())
        await self._step("all nine arrived upstream, unchanged", self._wait_until_arrived())

    async def refresh(self) -> None:
        """Take the domains as they are now into the report."""
        listed = await self._get("/api/v1/domains")
        sources = await self._get("/api/v1/sources")
        by_id = {source["id"]: source for source in sources["items"]}
        self.report.set_domains(
            [
                build_domain_report(domain, by_id, https_port=self.report.ports.https)
                for domain in sorted(listed["items"], key=itemgetter("created_at"))
                if domain["status"] != "removed"
            ]
        )

    async def _step(self, text: str, doing: Awaitable[None]) -> None:
        started = time.perf_counter()
        try:
            await doing
        except httpx.HTTPError as error:
            raise StoryFailed(f"{text}: {type(error).__name__}: {error}") from error
        told = Told(text, time.perf_counter() - started)
        self.report.add_step(told.text, told.seconds)
        self.tell(told)

    async def _wait_until_serving(self) -> None:
        async def is_serving() -> bool:
            try:
                ready = await self.call.get("/healthz")
                await traffic.check_edge(self.report.ports.https)
            except (httpx.HTTPError, OSError):
                return False
            return ready.is_success

        await _until(is_serving, READY_SECONDS, "console and edge do not answer; see the logs")

    async def _create_workspace(self) -> None:
        workspace = await self._post("/api/v1/workspaces", {"name": "Shop"})
        self.report.workspace = {"id": workspace["id"], "name": workspace["name"]}
        for name, type_ in (("Web shop", "javascript"), ("Orders", "python"), ("Stock", "node")):
            source = await self._post(
                "/api/v1/sources",
                {"workspace_id": workspace["id"], "name": name, "type": type_, "region": "us"},
            )
            self.sources[type_] = source
        self.report.save()

    async def _request_domain(self) -> None:
        self.domain = await self._post(
            "/api/v1/domains",
            {
                "workspace_id": self.report.workspace["id"],
                "name": CUSTOM_DOMAIN,
                "mode": "delegation",
                "source_ids": [source["id"] for source in self.sources.values()],
            },
        )
        await self.refresh()

    async def _delegate(self) -> None:
        records = [record for record in self.domain["records"] if record["type"] == "NS"]
        await add_delegation(
            Address("127.0.0.1", self.report.ports.parent),
            SHOP_DOMAIN,
            CUSTOM_DOMAIN,
            [record["value"] for record in records],
        )

    async def _wait_until_live(self) -> None:
        async def is_live() -> bool:
            self.domain = await self._get(f"/api/v1/domains/{self.domain['id']}")
            return bool(self.domain["status"] == "live")

        try:
            await _until(is_live, LIVE_SECONDS, "")
        except StoryFailed:
            reasons = " ".join(finding["sentence"] for finding in self.domain["findings"])
            raise StoryFailed(
                f"{CUSTOM_DOMAIN} is {self.domain['status']}, not live: {reasons}"
            ) from None
        await self.refresh()

    async def _load_script(self) -> None:
        async with traffic.open_edge(self.report) as edge:
            problem = await traffic.load_script(edge, self._reported())
        if problem:
            raise StoryFailed(problem)

    async def _check_default_hosts(self) -> None:
        problem = ""

        async def are_served() -> bool:
            nonlocal problem
            problem = await traffic.check_default_hosts(edge, self._reported(), self.report.service)
            return not problem

        async with traffic.open_edge(self.report) as edge:
            try:
                await _until(are_served, LIVE_SECONDS, "")
            except StoryFailed:
                raise StoryFailed(problem) from None

    async def _send(self) -> None:
        async with traffic.open_edge(self.report) as edge:
            problem = await traffic.send_messages(edge, self._reported())
        if problem:
            raise StoryFailed(problem)

    async def _wait_until_arrived(self) -> None:
        missing: set[str] = set()

        async def has_arrived() -> bool:
            nonlocal missing
            missing = await asyncio.to_thread(traffic.find_missing, self.report.received)
            return not missing

        try:
            await _until(has_arrived, ARRIVAL_SECONDS, "")
        except StoryFailed:
            raise StoryFailed(f"not arrived upstream: {', '.join(sorted(missing))}") from None

    def _reported(self) -> dict[str, Any]:
        return next(one for one in self.report.domains if one["id"] == self.domain["id"])

    async def _get(self, path: str) -> Any:
        return _json(
            await self.call.get(path, params={"workspace": self.report.workspace.get("id", "")})
        )

    async def _post(self, path: str, body: dict[str, Any]) -> Any:
        return _json(await self.call.post(path, json=body))


def _json(answer: httpx.Response) -> Any:
    if not answer.is_success:
        raise StoryFailed(f"{answer.request.method} {answer.url.path}: {answer.text}")
    return answer.json()


async def _until(is_true: Callable[[], Awaitable[bool]], seconds: float, reason: str) -> None:
    deadline = time.monotonic() + seconds
    while not await is_true():
        if time.monotonic() > deadline:
            raise StoryFailed(reason)
        await asyncio.sleep(_POLL_SECONDS)
