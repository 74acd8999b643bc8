"""Signing in with a real OpenID Provider (npm oidc-provider) on loopback."""

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from firstparty.config.settings import OidcSettings
from firstparty.control.callers import SYSTEM
from firstparty.control.invitations import invite
from firstparty.control.single_sign_on import build_attempt, read_email
from firstparty.errors import Refused
from firstparty.model.workspaces import Role
from tests.console_forms import text_of
from tests.console_world import ConsoleWorld, running_console
from tests.nats_server import free_port

REPOSITORY = Path(__file__).parents[2]
NODE = shutil.which("node")
SECRET = "a secret: with %signs"
needs_provider = pytest.mark.skipif(
    NODE is None or not (REPOSITORY / "node_modules" / "oidc-provider").is_dir(),
    reason="node with the npm package oidc-provider is missing",
)


@contextlib.asynccontextmanager
async def provider_for(world: ConsoleWorld) -> AsyncIterator[None]:
    """The provider that the console is set to, running."""
    process = await asyncio.create_subprocess_exec(
        str(NODE),
        str(REPOSITORY / "tests" / "fakes" / "oidc_provider.cjs"),
        world.settings.oidc.issuer.rpartition(":")[2],
        f"{world.url}/sign-in/oidc/back",
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 30) == b"ready\n"
        yield
    finally:
        process.terminate()
        await process.wait()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ConsoleWorld]:
    oidc = OidcSettings(
        issuer=f"http://127.0.0.1:{free_port()}", client_id="firstparty", client_secret=SECRET
    )
    async with running_console(tmp_path, oidc=oidc) as world:
        yield world


async def sign_in(browser: httpx.AsyncClient, who: str) -> httpx.Response:
    """Follow the browser's way to the provider and back; the console's last answer."""
    browser.cookies.set("who", who)
    answer = await browser.get("/sign-in/oidc")
    for _ in range(10):
        where = answer.headers.get("location")
        if where is None or where == "/":
            break
        answer = await browser.get(str(answer.url.join(where)))
    return answer


@needs_provider
async def test_somebody_invited_signs_in_and_has_the_place(world: ConsoleWorld) -> None:
    shop = world.workspace()
    where = {"workspace_id": shop.id, "role": Role.VIEWER, "now": datetime.now(UTC)}
    invite(world.store, SYSTEM, email="ann@shop.test", **where)
    async with provider_for(world):
        async with world.browser() as browser:
            page = await browser.get("/sign-in")
            answer = await sign_in(browser, "ann")
            inside = await browser.get(f"/workspaces/{shop.id}/domains")
        async with world.browser() as again:
            second = await sign_in(again, "ann")

    assert "/sign-in/oidc" in page.text
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert inside.status_code == 200
    assert second.status_code == 303


@needs_provider
async def test_nobody_gets_in_uninvited_or_with_an_address_nobody_vouches_for(
    world: ConsoleWorld,
) -> None:
    shop = world.workspace()
    where = {"workspace_id": shop.id, "role": Role.VIEWER, "now": datetime.now(UTC)}
    invite(world.store, SYSTEM, email="bob@shop.test", **where)
    async with provider_for(world):
        async with world.browser() as browser:
            ann = await sign_in(browser, "ann")
        async with world.browser() as browser:
            bob = await sign_in(browser, "bob")

    assert ann.status_code == bob.status_code == 422
    assert "ask for an invitation" in text_of(ann)
    assert "does not vouch" in text_of(bob)


@needs_provider
async def test_a_sign_in_that_another_browser_began_is_refused(world: ConsoleWorld) -> None:
    world.person()
    async with provider_for(world), world.browser() as victim:
        await victim.get("/sign-in")
        answer = await victim.get("/sign-in/oidc/back?code=stolen&state=of-another")

    assert answer.status_code == 422
    assert "not begun in this browser" in text_of(answer)


async def test_without_a_provider_there_is_no_such_page(tmp_path: Path) -> None:
    async with running_console(tmp_path) as world, world.browser() as browser:
        page = await browser.get("/sign-in")
        answer = await browser.get("/sign-in/oidc")

    assert "/sign-in/oidc" not in page.text
    assert answer.status_code == 404


async def test_a_provider_that_is_away_is_said(world: ConsoleWorld) -> None:
    async with world.browser() as browser:
        answer = await browser.get("/sign-in/oidc")

    assert answer.status_code == 422
    assert "does not answer" in text_of(answer)


KEY, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
OIDC = OidcSettings(issuer="https://id.test", client_id="firstparty")
ATTEMPT = build_attempt("a browser's secret")


def token_of(key: Any = KEY, kid: str = "1", **claims: Any) -> str:
    now = int(time.time())
    good = {
        "iss": "https://id.test",
        "aud": "firstparty",
        "sub": "ann",
        "iat": now,
        "exp": now + 300,
        "nonce": ATTEMPT.nonce,
        "email": "Ann@Shop.test",
        "email_verified": True,
    }
    return jwt.encode(good | claims, key, algorithm="ES256", headers={"kid": kid})


def keys() -> dict[str, Any]:
    public = msgspec.json.decode(jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key()))
    return {"keys": [public | {"kid": "1", "alg": "ES256", "use": "sig"}]}


def test_a_good_token_is_read() -> None:
    email = read_email(token_of(), keys(), oidc=OIDC, nonce=ATTEMPT.nonce)

    assert email == "ann@shop.test"


@pytest.mark.parametrize(
    "token",
    [
        token_of(OTHER),
        token_of(kid="2"),
        token_of(iss="https://evil.test"),
        token_of(aud="another client"),
        token_of(exp=int(time.time()) - 120),
        token_of(nonce=replace(ATTEMPT, nonce="another").nonce),
        token_of(email_verified="true"),
        token_of(email=None),
        jwt.encode({"email": "ann@shop.test"}, None, algorithm="none", headers={"kid": "1"}),
        "nonsense",
    ],
)
def test_a_token_with_anything_wrong_is_refused(token: str) -> None:
    with pytest.raises(Refused):
        read_email(token, keys(), oidc=OIDC, nonce=ATTEMPT.nonce)
