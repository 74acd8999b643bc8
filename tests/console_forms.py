"""What a browser without JavaScript does with the console: reads pages and sends forms."""

import re
from html import unescape

import httpx

from tests.console_world import EMAIL, PASSWORD

CSRF = re.compile(r'name="csrf" value="([^"]+)"')


async def sign_in(
    browser: httpx.AsyncClient,
    *,
    email: str = EMAIL,
    password: str = PASSWORD,
    at: str = "/sign-in",
    next: str | None = None,  # noqa: A002 - the name of the form's field
) -> httpx.Response:
    page = await browser.get(at)
    hidden = re.findall(r'name="next" value="([^"]*)"', page.text)[0]
    return await browser.post(
        "/sign-in",
        data={
            "csrf": csrf_of(page),
            "email": email,
            "password": password,
            "next": unescape(hidden) if next is None else next,
        },
    )


async def fill_in_domain(
    browser: httpx.AsyncClient, path: str, **fields: str | list[str]
) -> httpx.Response:
    page = await browser.get(path)
    form = {"cdn_label": "evs", "api_label": "api", "has_csp": "no", "description": ""}
    return await browser.post(path, data={"csrf": csrf_of(page)} | form | fields)


def csrf_of(page: httpx.Response) -> str:
    return unescape(CSRF.findall(page.text)[0])


def text_of(page: httpx.Response) -> str:
    return unescape(re.sub(r"<[^>]+>", "", page.text))


def without_secrets(text: str) -> str:
    return CSRF.sub("", text)


def field_of(page: str, name: str) -> str:
    """The part of the page from a field's error to the field itself."""
    start = page.index(f'id="{name}-wrong"')
    return page[start : start + 700]
