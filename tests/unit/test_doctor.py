import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta

import pytest

from firstparty.doctor.checks import Check, Found, Result, Verdict, read_findings, summarise
from firstparty.doctor.examine import examine
from firstparty.doctor.page import KnownSource, find_on_page, judge_snippet, read_page
from firstparty.doctor.tls import judge_expiry, judge_stored
from firstparty.model.findings import Actor, DnsRecord, Finding, Severity
from firstparty.serve.doctor import judge_ledger
from tests.builders import NOW
from tests.fakes.doctor import FakeDoctor

WEB = KnownSource(
    name="Web shop", write_key="WKSHOPWEB", cdn_host="evs.cdp.shop.com", alias_path="ws/src"
)
GOOD = '<script>analytics.load("WKSHOPWEB");"https://evs.cdp.shop.com/ws/src.min.js"</script>'


async def results_of(*checks: Check) -> list[Result]:
    return [result async for result in examine(checks)]


async def test_a_check_that_hangs_could_not_check_and_what_it_said_before_stays() -> None:
    checks = FakeDoctor().list_domain_checks("dom_1", with_message=True)
    results = await results_of(*checks)
    told = {(one.check, one.found.verdict, one.found.code) for one in results}

    assert told == {
        ("well", Verdict.PASS, ""),
        ("slow", Verdict.WARN, "odd"),
        ("slow", Verdict.UNKNOWN, "no-answer-in-time"),
    }
    assert summarise(results) is Verdict.WARN


async def test_a_quick_check_is_told_before_a_slow_one_is_done() -> None:
    is_told = asyncio.Event()

    async def wait() -> AsyncGenerator[Found, None]:
        await is_told.wait()
        yield Found(verdict=Verdict.PASS, sentence="late")

    slow = Check(name="late", title="", deadline=timedelta(seconds=20), look=wait)
    [quick] = FakeDoctor().list_domain_checks("dom_1", with_message=False)
    order = []
    async for result in examine((slow, quick)):
        order.append(result.check)
        is_told.set()

    assert order == ["well", "late"]


async def test_a_broken_check_hides_no_other() -> None:
    async def break_down() -> AsyncGenerator[Found, None]:
        raise RuntimeError("a bug")
        yield

    broken = Check(name="broken", title="", deadline=timedelta(seconds=5), look=break_down)
    results = await results_of(
        broken, *FakeDoctor().list_domain_checks("dom_1", with_message=False)
    )

    assert {(one.check, one.found.verdict) for one in results} == {
        ("broken", Verdict.UNKNOWN),
        ("well", Verdict.PASS),
    }


async def test_leaving_early_ends_the_checks() -> None:
    ended = asyncio.Event()

    async def wait() -> AsyncGenerator[Found, None]:
        yield Found(verdict=Verdict.PASS, sentence="first")
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    check = Check(name="long", title="", deadline=timedelta(minutes=5), look=wait)
    async with aclosing(examine((check,))) as found:
        async for _ in found:
            break

    assert ended.is_set()


def test_a_finding_is_told_with_the_records_to_change() -> None:
    finding = Finding(
        code="not-delegated",
        sentence="Nothing is delegated.",
        acts=Actor.OWNER,
        severity=Severity.FAILING,
        records=(DnsRecord(name="cdp.shop.com.", type="NS", value="ns1.fp.test."),),
        surplus=(DnsRecord(name="cdp.shop.com.", type="NS", value="ns9.old.test."),),
    )
    [found] = read_findings((finding,), good="fine")

    assert found.verdict is Verdict.FAIL
    assert found.fix == (
        "add cdp.shop.com. 3600 IN NS ns1.fp.test.; delete cdp.shop.com. 3600 IN NS ns9.old.test."
    )
    assert read_findings((), good="fine")[0].verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("html", "code"),
    [
        (GOOD, ""),
        (GOOD + GOOD, "snippet-twice"),
        (GOOD.replace("evs.cdp.shop.com", "cdn.segment.com"), "snippet-old"),
        ("<p>WKSHOPWEB</p>", "snippet-missing"),
        ('<script>analytics.load("OTHERKEY")</script>', "source-unknown"),
        (
            '<script src="https://cdn.x.com/analytics.js/v1/OTHER/analytics.min.js">',
            "source-unknown",
        ),
    ],
)
def test_the_snippets_of_a_page_are_read(html: str, code: str) -> None:
    seen = read_page("text/html; charset=utf-8", html.encode())

    assert [one.code for one in judge_snippet(seen, (WEB,))] == [code]


def test_a_page_is_searched_for_policies_and_own_sources_alone() -> None:
    html = (
        b'<meta http-equiv="Content-Security-Policy" content="script-src \'self\'">' + GOOD.encode()
    )
    seen = read_page("text/html", html)
    other = KnownSource(name="Blog", write_key="WKBLOG", cdn_host="x", alias_path="ws/blog")

    assert seen.meta_policies == ("script-src 'self'",)
    assert find_on_page(seen, (WEB, other)) == (WEB,)
    assert not read_page("application/json", b"{}").is_html


def test_a_certificate_is_judged_by_its_dates() -> None:
    day = timedelta(days=1)
    stored = [
        judge_stored(dates, now=NOW).code
        for dates in (
            None,
            (NOW - 10 * day, NOW + 80 * day),
            (NOW - 80 * day, NOW + 10 * day),
            (NOW - 90 * day, NOW),
        )
    ]

    assert stored == ["certificate-none", "", "renewal-late", "certificate-expired"]
    assert judge_expiry("h", NOW + 8 * day, now=NOW).verdict is Verdict.PASS
    assert judge_expiry("h", NOW + 6 * day, now=NOW).code == "certificate-expires"


def test_dead_letters_are_a_warning() -> None:
    assert judge_ledger(waiting=5, dead=0)[0].verdict is Verdict.PASS
    assert judge_ledger(waiting=0, dead=1)[0].code == "dead-letters"
