"""axe-core on every page of the console, in both colour schemes and at phone width."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, expect

from firstparty.control.callers import SYSTEM
from firstparty.control.certificates import import_certificate
from firstparty.control.dns_links import add_dns_link
from firstparty.model.findings import Actor, DnsRecord, Finding, Severity
from firstparty.model.observations import Observation, Step
from firstparty.model.status import DnsStatus, EdgeStatus, ProbeStatus, Statuses, Word
from firstparty.model.workspaces import SourceType, Workspace
from firstparty.spool.reports import say
from firstparty.spool.traffic import (
    ACCEPTED,
    ACKNOWLEDGED,
    DEAD,
    DELIVERED,
    EXPIRED,
    SENT,
    Traffic,
    source_subject,
)
from firstparty.store import tables
from firstparty.store.sealing import Sealer
from tests.console_world import EMAIL, PASSWORD, ConsoleWorld, running_console
from tests.fakes.chromium import CHROMIUM, WITHOUT_CHROMIUM, running_chromium
from tests.fakes.doctor import FakeDoctor
from tests.fakes.pairs import a_pair
from tests.nats_server import NatsServer

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
SETTINGS = {"integrations": {"Mixpanel": {"type": "browser"}, "House Made": {"type": "browser"}}}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PAIR = a_pair(("evs.cdp.shop.test", "api.cdp.shop.test"))

pytestmark = [
    pytest.mark.skipif(not CHROMIUM, reason=WITHOUT_CHROMIUM),
    pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: run npm ci"),
]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ConsoleWorld]:
    server = NatsServer(tmp_path, max_bytes=2 * 1024**3)
    await server.start()
    async with running_console(tmp_path, log_url=server.url, doctor=FakeDoctor()) as world:
        yield world
    await server.stop()


@pytest.mark.timeout(600)  # some hundred pages, on a machine that may be busy
@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 1200), ("light", 320)])
async def test_no_page_breaks_a_rule_of_accessibility_or_is_wider_than_the_screen(
    world: ConsoleWorld, scheme: str, width: int
) -> None:
    shop, empty = world.workspace("Shop"), world.workspace("Empty")
    world.person(shop, empty)
    with world.store.write() as connection:
        connection.execute(tables.people.update().values(is_operator=True))
    paths = pages_of(world, shop, empty)
    await count_some(world)
    found: dict[str, object] = {}
    async with running_chromium() as browser:
        context = await browser.new_context(
            base_url=world.url,
            color_scheme="dark" if scheme == "dark" else "light",
            viewport={"width": width, "height": 800},
        )
        page = await sign_in(context, found)
        for path in paths:
            await page.goto(path)
            found[path] = await look(page)
        await page.goto(f"/workspaces/{shop.id}/domains/new")
        await page.get_by_role("button", name="Add the domain").click()
        await expect(page.locator("#name-wrong")).to_be_visible()
        found["error"] = await look(page)
        await page.goto(f"/workspaces/{shop.id}/page-check")
        await page.get_by_label("Address of the page").fill("https://www.shop.test/")
        await page.get_by_label("Also open it in a browser").check()
        await page.get_by_role("button", name="Look").click()
        await expect(page.get_by_text("Something needs attention.")).to_be_visible()
        await expect(page.get_by_text("+ https://evs.cdp.shop.test/")).to_be_visible()
        found["results"] = await look(page)

    assert {path: problems for path, problems in found.items() if problems} == {}
    assert len(found) == len(paths) + 3


def pages_of(world: ConsoleWorld, shop: Workspace, empty: Workspace) -> list[str]:
    """A page of every kind, with as much on it as there can be."""
    web, other = world.source(shop), world.source(shop, "Shop in Python", SourceType.PYTHON)
    second, free = world.source(shop, "Blog"), world.source(shop, "Labs", settings=SETTINGS)
    hook = world.source(shop, "Hook", upstream="webhook+https://hooks.shop.com/in")
    waiting = world.domain(shop, "cdp.shop.test", web, other).domain
    failing = world.domain(shop, "data.a-rather-long-name-of-a-site.shop.test", second)
    now = datetime.now(UTC)
    surplus = DnsRecord(name="cdp.shop.test.", type="NS", value="ns1.elsewhere.test.")
    for severity, domain_id in (
        (Severity.PENDING, waiting.id),
        (Severity.FAILING, failing.domain.id),
    ):
        is_failing = severity is Severity.FAILING
        statuses = Statuses(
            dns=DnsStatus.SERVING,
            edge=EdgeStatus.PUBLISHED,
            probe=ProbeStatus.FAILED,
            has_been_live=True,
        )
        finding = Finding(
            code="code",
            sentence="Something is not right.",
            acts=Actor.OWNER,
            severity=severity,
            surplus=(surplus,),
            look_again_at=now,
        )
        observation = Observation(
            domain_id=domain_id,
            statuses=statuses if is_failing else Statuses(),
            findings=(finding,),
            seen=tuple(record.record for record in failing.records),
            checked_at=now,
            stopwatch={Step.ASKED: now - timedelta(days=2), Step.DELEGATED: now},
        )
        world.observe(observation, word=Word.FAILING if is_failing else Word.WAITING)
    paths = (
        "start",
        "domains",
        "domains?status=issuing",
        "domains/new",
        f"domains/{waiting.id}",
        f"domains/{failing.domain.id}",
        f"domains/{waiting.id}/remove",
        f"domains/{failing.domain.id}/remove",
        f"domains/{failing.domain.id}/move",
        *(f"domains/{waiting.id}/{page}" for page in ("dns-links", "propagation", "certificates")),
        f"domains/{waiting.id}/site",
        f"domains/{waiting.id}/site?site=www.other.test",
        "sources",
        "sources/new",
        f"sources/{web.id}",
        f"sources/{free.id}",
        f"sources/{web.id}/traffic",
        f"sources/{other.id}/traffic",
        f"domains/{failing.domain.id}/traffic?period=hour",
        f"sources/{web.id}/settings",
        f"sources/{web.id}/delivery",
        f"sources/{hook.id}/delivery",
        f"sources/{web.id}/script",
        f"sources/{web.id}/policy",
        f"sources/{web.id}/privacy",
        f"sources/{web.id}/hosts",
        f"sources/{free.id}/hosts",
        "messages",
        "tokens",
        "people",
        "alerts",
        "audit",
        "audit?kind=letters",
        f"proxies?source={web.id}&provider=nginx&cdn_host=evs.own.test&api_host=api.own.test",
        "proxies?provider=nginx&cdn_host=https://x",
        "proxies/check",
        "page-check",
        f"domains/{waiting.id}/checks",
        "nothing",
    )
    operators = ("workspaces", f"workspaces/{shop.id}", "certificates", "system", "library")
    link = add_dns_link(world.store, SYSTEM, waiting.id, now=now)
    import_certificate(
        world.store,
        SYSTEM,
        waiting.id,
        **PAIR,
        open_sealer=lambda: Sealer(bytes(32)),
        now=now,
    )
    return [
        link.path,
        *(f"/operator/{path}" for path in operators),
        "/docs",
        "/docs/domains",
        *(f"/workspaces/{shop.id}/{path}" for path in paths),
        *(
            f"/workspaces/{empty.id}/{path}"
            for path in (
                "start",
                "domains",
                "domains/new",
                "sources",
                "messages",
                "proxies",
                "tokens",
            )
        ),
    ]


async def count_some(world: ConsoleWorld) -> None:
    """Traffic of the first source, of every kind."""
    traffic, now = Traffic(), datetime.now(UTC)
    for hours in range(20):
        cells = traffic.cells(source_subject(1))
        cells.update({ACKNOWLEDGED[hours]: 9, "refused.invalid_json": hours, SENT[7]: 9})
        cells.update({ACCEPTED: 9, DELIVERED: 8, DEAD: 1, EXPIRED: 2})
        traffic.collect(now - timedelta(hours=hours))
    await say(world.settings.spool.url, traffic, now=now, is_last=True)


async def sign_in(context: BrowserContext, found: dict[str, object]) -> Page:
    page = await context.new_page()
    await page.goto("/sign-in")
    found["/sign-in"] = await look(page)
    await page.fill("#email", EMAIL)
    await page.fill("#password", PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(re.compile("/(domains|start)$"))
    return page


async def look(page: Page) -> list[str]:
    """What axe-core finds, and whether the page scrolls sideways."""
    await page.evaluate(AXE.read_text())
    problems: list[str] = await page.evaluate(
        """async (rules) => {
          const { violations } = await axe.run(document, { runOnly: rules });
          return violations.map((v) => `${v.impact} ${v.id} ${v.nodes.map((n) => n.target)}`);
        }""",
        RULES,
    )
    if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        problems.append("wider than the screen")
    return problems
