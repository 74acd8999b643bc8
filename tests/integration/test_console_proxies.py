"""The console's pages of custom proxies. Over real HTTP, without JavaScript."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.console_forms import field_of, sign_in, text_of
from tests.console_world import ConsoleWorld, running_console


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ConsoleWorld]:
    async with running_console(tmp_path) as world:
        yield world


async def test_a_proxy_of_segments_own_endpoints_needs_no_source_and_fills_in_the_mail(
    world: ConsoleWorld,
) -> None:
    shop = world.workspace()
    world.person(shop)
    form = {"source": "segment-eu", "provider": "nginx", "cdn_host": "evs.shop.com"}
    form |= {"write_key": "abc123", "segment_source_id": "sid42", "source_url": "https://app.x/s"}
    async with world.browser() as browser:
        await sign_in(browser)
        made = text_of(await browser.get(f"/workspaces/{shop.id}/proxies", params=form))
        bad = await browser.get(
            f"/workspaces/{shop.id}/proxies", params=form | {"write_key": "a b"}
        )

    assert "events.eu1.segmentapis.com" in made
    assert "abc123" in made
    assert "Source ID: sid42" in made
    assert "Source URL: https://app.x/s" in made
    assert bad.status_code == 422
    assert "not a write key" in field_of(bad.text, "write_key")
