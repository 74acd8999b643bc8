"""Lists of the console, and what people wrote in them. Over real HTTP, without JavaScript."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.console_forms import sign_in, text_of
from tests.console_world import ConsoleWorld, running_console


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ConsoleWorld]:
    async with running_console(tmp_path) as world:
        yield world


async def test_hostile_names_are_shown_as_text(world: ConsoleWorld) -> None:
    hostile = "\"><script>alert('1')</script>&amp;{{7*7}}"
    shop = world.workspace(hostile)
    world.person(shop)
    source = world.source(shop, hostile)
    domain = world.domain(shop, "cdp.shop.test", source).domain
    async with world.browser() as browser:
        await sign_in(browser)
        pages = [
            await browser.get(f"/workspaces/{shop.id}/{path}")
            for path in (
                "sources",
                f"sources/{source.id}",
                "domains",
                f"domains/{domain.id}",
                f"domains/{domain.id}/remove",
            )
        ]

    assert all(page.status_code == 200 for page in pages)
    assert not any("<script>alert" in page.text for page in pages)
    assert all("&#34;&gt;&lt;script&gt;alert(&#39;1&#39;)" in page.text for page in pages)


async def test_lists_are_searched_and_filtered_together(world: ConsoleWorld) -> None:
    shop = world.workspace()
    world.person(shop)
    names = ("cdp.shop.test", "data.blog.test")
    for name in names:
        world.domain(shop, name, world.source(shop, f"Site of {name}"))
    base = f"/workspaces/{shop.id}"
    async with world.browser() as browser:
        await sign_in(browser)

        async def found(path: str) -> tuple[str, ...]:
            page = await browser.get(f"{base}/{path}")
            return tuple(name for name in names if f">{name}</a>" in page.text)

        by_part = await found("domains?q=SHOP")
        both = await found("domains?q=blog&status=waiting")
        neither = await browser.get(f"{base}/domains?q=%3Cb%3E&status=live")
        sources = text_of(await browser.get(f"{base}/sources?q=data.blog"))

    assert by_part == ("cdp.shop.test",)
    assert both == ("data.blog.test",)
    assert "No domain is live and has “&lt;b&gt;” in its name" in neither.text
    assert "Site of data.blog.test" in sources
    assert "Site of cdp.shop.test" not in sources
