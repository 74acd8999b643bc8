"""Charts of traffic on pages, read from a real log."""

from datetime import UTC, datetime
from pathlib import Path

from firstparty.spool.reports import say
from firstparty.spool.traffic import ACKNOWLEDGED, DELIVERED, Traffic, domain_subject
from tests.console_forms import sign_in
from tests.console_world import running_console
from tests.ingest_role import ROOM
from tests.nats_server import NatsServer


async def test_the_page_of_a_source_and_of_a_domain_draws_what_was_counted(tmp_path: Path) -> None:
    server = NatsServer(tmp_path, max_bytes=ROOM)
    await server.start()
    async with running_console(tmp_path, log_url=server.url) as world, world.browser() as browser:
        shop = world.workspace()
        world.person(shop)
        web = world.source(shop)
        domain = world.domain(shop, "cdp.shop.test", web).domain
        traffic = Traffic()
        lane = traffic.cells("source-1", domain_subject(domain.id))
        lane[ACKNOWLEDGED[3]] += 41
        lane["refused.unknown_write_key"] += 2
        traffic.cells("source-1")[DELIVERED] += 77
        await say(server.url, traffic, now=datetime.now(UTC))
        await sign_in(browser)
        home = f"/workspaces/{shop.id}"
        of_source = (await browser.get(f"{home}/sources/{web.id}/traffic")).text
        of_domain = (await browser.get(f"{home}/domains/{domain.id}/traffic?period=week")).text
        part = (await browser.get(f"{home}/domains/{domain.id}/traffic/chart")).text
        odd = await browser.get(f"{home}/domains/{domain.id}/traffic?period=<b>")
        card = (await browser.get(f"{home}/sources/{web.id}")).text
        await server.stop()
        away = await browser.get(f"{home}/sources/{web.id}/traffic")

    assert "acknowledged 41" in of_source
    assert "delivered 77" in of_source
    assert "unknown_write_key 2" in of_source
    assert '<rect class="good"' in of_source
    assert '<td role="cell" data-label="Delivered">77</td>' in of_source
    assert "acknowledged 41" in of_domain
    assert "delivered" not in part
    assert "<html" not in part
    assert odd.status_code == 200
    assert "<b>" not in odd.text
    assert f'hx-get="{home}/sources/{web.id}/traffic/chart"' in card
    assert away.status_code == 200
    assert "The log does not answer" in away.text
