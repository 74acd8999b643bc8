"""Each broken proxy is named right, a good one gives no alarm; real TLS servers on loopback."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from firstparty.outbound.http import SafeClient
from firstparty.proxies.causes import list_causes
from firstparty.proxies.check import check_proxy
from firstparty.proxies.requests import MESSAGE_ID_PREFIX
from firstparty.proxies.result import Result, Status
from firstparty.proxies.target import parse_target
from tests.fakes.broken_proxy import FAULTS, Fault, Next, nothing_wrong, run_proxy, taking_anything
from tests.fakes.ports import free_ports
from tests.fakes.proxied_origin import UNKNOWN, WRITE_KEY, Origin
from tests.fakes.throwaway_ca import ThrowawayCa

# Causes that tests of their own below stand for, or that name what is not known.
ELSEWHERE = {
    "no-address", "private-address", "unreachable", "certificate-wrong", "certificate-expired",
    "certificate-expiring", "chain-incomplete", "certificate-untrusted", "tls-failed",
    "redirected", "write-key-unknown", "unexpected", "plain-post-redirected",
    "plain-messages-taken",
}  # fmt: skip


@pytest.fixture
def ca(tmp_path: Path) -> ThrowawayCa:
    return ThrowawayCa(tmp_path)


async def check(
    ca: ThrowawayCa,
    port: int,
    *,
    allow_private: bool = True,
    plain_port: int | None = None,
    deadline: timedelta = timedelta(seconds=30),  # a busy machine is no finding
    **target: Any,
) -> tuple[Result, ...]:
    address = f"https://localhost:{port}"
    found = parse_target(**({"cdn": address, "api": f"{address}/v1"} | target))
    if found.api is not None:
        [unused] = free_ports(1)
        found = replace(found, api=replace(found.api, plain_port=plain_port or unused))
    return await check_proxy(
        found,
        SafeClient(allow_private=allow_private, ca_pem=ca.pem),
        now=datetime.now(UTC),
        nonce="n",
        report=lambda _: None,
        deadline=deadline,
    )


async def check_fault(ca: ThrowawayCa, fault: Fault) -> tuple[Result, ...]:
    async with run_proxy(fault, ca.context(ca.leaf()), Origin()) as port:
        return await check(ca, port, write_key=WRITE_KEY)


def causes(results: tuple[Result, ...]) -> set[str]:
    return {result.cause for result in results if result.cause}


@pytest.mark.parametrize("name", FAULTS)
async def test_a_broken_proxy_is_named_by_its_cause_and_nothing_else(
    ca: ThrowawayCa, name: str
) -> None:
    cause, build = FAULTS[name]
    results = await check_fault(ca, build())
    found = [result for result in results if result.cause == cause]

    assert causes(results) == {cause}
    assert all(one.request and one.answer and one.fix and one.sentence for one in found)


def test_every_known_cause_has_a_broken_proxy() -> None:
    assert {cause for cause, _ in FAULTS.values()} | ELSEWHERE == set(list_causes())


async def test_a_good_proxy_passes_everything(ca: ThrowawayCa) -> None:
    results = await check_fault(ca, nothing_wrong)

    assert [one for one in results if one.status is not Status.PASS] == []
    assert len(results) > 30


async def test_test_messages_are_marked_and_only_sent_with_a_write_key(ca: ThrowawayCa) -> None:
    origin = Origin()
    async with run_proxy(nothing_wrong, ca.context(ca.leaf()), origin) as port:
        without = await check(ca, port)
        sent_without = list(origin.messages)
        await check(ca, port, write_key=WRITE_KEY)

    assert sent_without == []
    assert {one.status for one in without} <= {Status.PASS, Status.SKIP}
    assert len(origin.messages) == 3
    assert all(one["messageId"].startswith(MESSAGE_ID_PREFIX) for one in origin.messages)
    assert {(one["type"], one["event"]) for one in origin.messages} == {("track", "Proxy check")}
    assert len({one["messageId"] for one in origin.messages}) == 3


async def test_an_origin_that_does_not_tell_is_no_alarm(ca: ThrowawayCa) -> None:
    async with run_proxy(nothing_wrong, ca.context(ca.leaf()), Origin(tells=False)) as port:
        results = await check(ca, port, write_key=WRITE_KEY)

    assert {one.check for one in results if one.status is not Status.PASS} == {
        "api.query",
        "api.client-ip",
        "api.cookies-kept",
    }
    assert causes(results) == set()


async def test_an_origin_that_takes_anything_is_no_alarm(ca: ThrowawayCa) -> None:
    results = await check_fault(ca, taking_anything)

    assert {one.check for one in results if one.status is not Status.PASS} == {"api.repeated"}
    assert causes(results) == set()


async def test_a_destination_that_the_cdn_has_not_is_said(ca: ThrowawayCa) -> None:
    async def without_destinations(request: web.BaseRequest, go_on: Next) -> web.Response:
        if request.path.startswith("/next-integrations"):
            return web.Response(status=404, text=UNKNOWN)
        return await go_on(request)

    assert causes(await check_fault(ca, without_destinations)) == {"next-integrations-not-proxied"}


@pytest.mark.parametrize(
    ("cause", "leaf"),
    [
        ("certificate-wrong", {"name": "shop.test"}),
        ("certificate-expired", {"days": -1}),
        ("certificate-expiring", {"days": 5}),
        ("chain-incomplete", {"with_chain": False}),
        ("certificate-untrusted", {"is_self_signed": True, "with_chain": False}),
    ],
)
async def test_what_is_wrong_with_a_certificate_is_named(
    ca: ThrowawayCa, cause: str, leaf: dict[str, Any]
) -> None:
    async with run_proxy(nothing_wrong, ca.context(ca.leaf(**leaf)), Origin()) as port:
        results = await check(ca, port, write_key=WRITE_KEY)

    assert causes(results) == {cause}
    assert {one.check for one in results if one.cause} == {"cdn.tls", "api.tls"}


async def test_a_short_lived_certificate_is_no_alarm(ca: ThrowawayCa) -> None:
    leaf = ca.leaf(days=5, age_days=1)
    async with run_proxy(nothing_wrong, ca.context(leaf), Origin()) as port:
        results = await check(ca, port, write_key=WRITE_KEY)

    assert causes(results) == set()


async def test_a_name_that_leads_inside_is_not_contacted(ca: ThrowawayCa) -> None:
    origin = Origin()
    async with run_proxy(nothing_wrong, ca.context(ca.leaf()), origin) as port:
        results = await check(ca, port, allow_private=False, write_key=WRITE_KEY)

    assert causes(results) == {"private-address"}
    assert origin.messages == []


async def test_a_port_where_nobody_listens_is_unreachable(ca: ThrowawayCa) -> None:
    results = await check(ca, free_ports(1)[0])

    assert causes(results) == {"unreachable"}
    assert {one.check for one in results if one.cause} == {"cdn.tls", "api.tls"}


async def test_a_name_without_an_address_is_said_once_a_side(ca: ThrowawayCa) -> None:
    results = await check(ca, 1, cdn="https://nothing.invalid", api=None)

    assert causes(results) == {"no-address"}


async def test_a_write_key_that_the_cdn_does_not_know_is_said(ca: ThrowawayCa) -> None:
    async with run_proxy(nothing_wrong, ca.context(ca.leaf()), Origin()) as port:
        results = await check(ca, port, api=None, write_key="another")

    assert causes(results) == {"write-key-unknown"}
    assert all("another" not in one.request + one.answer for one in results)


async def test_a_cookie_is_told_without_its_value(ca: ThrowawayCa) -> None:
    _, build = FAULTS["cookies"]
    results = await check_fault(ca, build())

    assert any("set-cookie: sid=…" in one.answer for one in results)
    assert all("secret-value" not in one.answer for one in results)


@pytest.mark.parametrize(
    ("status", "body", "cause"),
    [
        (301, "", "plain-post-redirected"),
        (302, "", "plain-post-redirected"),
        (400, '{"success": false}', "plain-messages-taken"),
        (308, "", None),
        (403, "", None),
        (400, "<html>", None),
    ],
)
async def test_what_becomes_of_messages_without_tls_is_named(
    ca: ThrowawayCa, status: int, body: str, cause: str | None
) -> None:
    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response(
            status=status, text=body, headers={"Location": f"https://{request.host}"}
        )

    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with run_proxy(nothing_wrong, ca.context(ca.leaf()), Origin()) as port:
            plain_port = int(runner.addresses[0][1])
            results = await check(ca, port, plain_port=plain_port, write_key=WRITE_KEY)
    finally:
        await runner.cleanup()

    assert causes(results) == ({cause} if cause else set())
    [plain] = [one for one in results if one.check == "api.plain-http"]
    assert plain.status is (Status.WARN if cause else Status.PASS)
    assert plain.request.startswith("POST http://localhost:")


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "https://localhost:{port}/",
        "//[::1]/",
        "file:///",
    ],
)
async def test_no_redirect_is_followed(ca: ThrowawayCa, location: str) -> None:
    elsewhere = Origin()

    async def redirected(_request: web.BaseRequest, _next: Next) -> web.Response:
        return web.Response(status=307, headers={"Location": location.format(port=inner)})

    async with (
        run_proxy(nothing_wrong, ca.context(ca.leaf()), elsewhere) as inner,
        run_proxy(redirected, ca.context(ca.leaf()), Origin()) as port,
    ):
        results = await check(ca, port, write_key=WRITE_KEY)

    assert causes(results) == {"redirected"}
    assert elsewhere.asked == 0


async def test_an_endless_answer_is_read_to_its_bound_and_judged(ca: ThrowawayCa) -> None:
    async def endless(request: web.BaseRequest, _next: Next) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/javascript"})
        await answer.prepare(request)
        with contextlib.suppress(ConnectionError):
            await answer.write(b"x" * 1024 * 1024)
            await asyncio.sleep(60)  # there is more, and nobody waits for it
        return answer

    async with run_proxy(endless, ca.context(ca.leaf()), Origin()) as port:
        results = await check(ca, port, api=None)

    assert "settings-not-proxied" in causes(results)
    assert "unreachable" not in causes(results)


async def test_slow_answers_end_at_the_deadline_with_a_sentence(ca: ThrowawayCa) -> None:
    async def slow(request: web.BaseRequest, go_on: Next) -> web.Response:
        await asyncio.sleep(60)
        return await go_on(request)

    async with run_proxy(slow, ca.context(ca.leaf()), Origin()) as port:
        results = await check(ca, port, write_key=WRITE_KEY, deadline=timedelta(milliseconds=700))

    assert len(results) > 45
    assert causes(results) == {"unreachable"}
    assert "no answer in" in next(one.answer for one in results if one.check == "cdn.tls")


@pytest.fixture
def reported() -> list[Result]:
    return []


async def test_results_are_reported_as_they_come(ca: ThrowawayCa, reported: list[Result]) -> None:
    report: Callable[[Result], None] = reported.append
    async with run_proxy(nothing_wrong, ca.context(ca.leaf()), Origin()) as port:
        results = await check_proxy(
            parse_target(cdn=f"https://localhost:{port}", api=None),
            SafeClient(allow_private=True, ca_pem=ca.pem),
            now=datetime.now(UTC),
            nonce="n",
            report=report,
        )

    assert sorted(one.check for one in reported) == sorted(one.check for one in results)
