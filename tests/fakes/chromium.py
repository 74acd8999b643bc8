"""Debian's Chromium, driven by Playwright, that talks to nobody by itself."""

import contextlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from playwright.async_api import Browser, Page, async_playwright

CHROMIUM: Final = shutil.which("chromium") or ""
WITHOUT_CHROMIUM: Final = "chromium is not installed: run make setup"


@dataclass
class Tab:
    """A page, the hosts of every request that it made or tried, and what its console complained."""

    page: Page
    hosts: set[str] = field(default_factory=set)
    urls: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def note(self, url: str) -> None:
        self.urls.append(url)
        self.hosts.add(urlsplit(url).hostname or "")


def whole_internet_at(port: int, *, spki: str) -> tuple[str, str]:
    """Flags by which every name leads to 127.0.0.1:``port``, whose key has this pin."""
    return (
        f"--host-resolver-rules=MAP * 127.0.0.1:{port}",
        f"--ignore-certificate-errors-spki-list={spki}",
    )


@contextlib.asynccontextmanager
async def running_chromium(*flags: str) -> AsyncIterator[Browser]:
    """A fresh Chromium that was started with these flags beside the quiet ones."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--disable-quic",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                *flags,
            ],
        )
        try:
            yield browser
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def running_tab(*flags: str) -> AsyncIterator[Tab]:
    """A tab of a fresh Chromium that was started with these flags."""
    async with running_chromium(*flags) as browser:
        tab = Tab(page=await browser.new_page())
        tab.page.on("request", lambda request: tab.note(request.url))
        tab.page.on("pageerror", lambda error: tab.complaints.append(str(error)))
        tab.page.on(
            "console",
            lambda said: (
                tab.complaints.append(said.text) if said.type in {"error", "warning"} else None
            ),
        )
        yield tab
