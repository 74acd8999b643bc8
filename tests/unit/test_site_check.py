import json
from dataclasses import replace
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.sitecheck.consent import find_managers, list_globals
from firstparty.sitecheck.judge import find_failure, judge_privacy, judge_visit
from firstparty.sitecheck.observed import Batch, Document, Exchange, Script, Violation, Visit
from firstparty.sitecheck.page import build_question, read_answer
from firstparty.sitecheck.remarks import SiteSource
from firstparty.sitecheck.tab import without_query
from firstparty.sitecheck.tracking import Asked, answer_locally, read_batch

WEB = SiteSource(
    id="src_1",
    name="Web shop",
    write_key="WK1",
    cdn_host="evs.cdp.shop.com",
    api_host="api.cdp.shop.com",
    script_url="https://evs.cdp.shop.com/ws/src.min.js",
    alias_path="ws/src",
)
SCRIPT = Exchange(
    method="GET", scheme="https", host="evs.cdp.shop.com", path="/ws/src.min.js", status=200
)
SETTINGS = replace(SCRIPT, path="/v1/projects/WK1/settings")
PAGE_CALL = Exchange(
    method="POST",
    scheme="https",
    host="api.cdp.shop.com",
    path="/v1/p",
    status=200,
    is_local=True,
    batch=Batch(write_key="WK1", library="next-1.84.3", types=MappingProxyType({"page": 1})),
)
SNIPPET = Script(text='stub.SNIPPET_VERSION = "5.2.1"; stub.load("WK1")')
GOOD = Visit(
    document=Document(url="https://www.shop.com/", status=200, scripts=(SNIPPET,)),
    exchanges=(SCRIPT, SETTINGS, PAGE_CALL),
    page_addresses=("https://www.shop.com/",),
)


def ask(method: str, url: str, body: bytes = b"", **headers: str) -> Asked:
    host, _, path = url.removeprefix("https://").partition("/")
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Asked(
        method=method,
        scheme="https",
        host=host,
        port=443,
        target=f"/{path}",
        headers=named,
        body=body,
    )


def is_kept(asked: Asked) -> bool:
    return answer_locally(asked, api_hosts=frozenset({"api.cdp.shop.com"})) is not None


def codes_of(visit: Visit) -> list[str]:
    return [one.code for one in judge_visit(visit, (WEB,), find_policy_lines=lambda *_: ())]


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("POST", "https://api.segment.io/v1/t"),
        ("POST", "https://proxy.shop.com/deep/prefix/v1/batch"),
        ("POST", "https://proxy.shop.com/v1/m"),
        ("POST", "https://api.cdp.shop.com/anything"),
        ("GET", "https://anywhere.com/v1/pixel/track?data=e30"),
        ("GET", "https://region1.google-analytics.com/g/collect?v=2"),
        ("POST", "https://edge.fullstory.com/rec/page"),
    ],
)
def test_what_would_count_somewhere_is_kept(method: str, url: str) -> None:
    assert is_kept(ask(method, url))


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("GET", "https://evs.cdp.shop.com/v1/projects/WK1/settings"),
        ("GET", "https://www.googletagmanager.com/gtm.js"),
        ("POST", "https://www.shop.com/graphql"),
        ("POST", "https://www.shop.com/v1/things"),
        ("OPTIONS", "https://www.shop.com/v1/t"),  # no preflight
    ],
)
def test_what_a_page_needs_to_work_goes_on(method: str, url: str) -> None:
    assert not is_kept(ask(method, url))


def test_a_preflight_of_what_is_kept_is_kept_and_allows_what_it_asks_for() -> None:
    asked = ask(
        "OPTIONS",
        "https://api.cdp.shop.com/v1/t",
        origin="https://www.shop.com",
        access_control_request_method="POST",
        access_control_request_headers="x-retry-count",
    )
    answer = answer_locally(asked, api_hosts=frozenset())

    assert answer is not None
    headers = dict(answer.headers)
    assert headers["access-control-allow-origin"] == "https://www.shop.com"
    assert headers["access-control-allow-headers"] == "x-retry-count"


def test_of_a_batch_only_types_are_kept() -> None:
    body = {
        "writeKey": "WK1",
        "batch": [
            {"type": "track", "event": "Bought", "userId": "secret"},
            {"type": "track"},
            {"type": "secret"},
            "nonsense",
        ],
    }
    batch = read_batch(json.dumps(body).encode())

    assert batch is not None
    assert batch.types == {"track": 2, "other": 2}
    assert "secret" not in repr(batch)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_body_is_read_or_is_none(body: bytes) -> None:
    batch = read_batch(body)

    assert batch is None or sum(batch.types.values()) >= 0


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=20))
def test_whatever_a_page_says_of_itself_is_read_strictly(value: object) -> None:
    assert read_answer(value) is None
    assert read_answer(json.dumps(value)) is None


def test_the_question_names_every_known_global() -> None:
    assert all(f'"{name}"' in build_question() for name in list_globals())
    assert "NAMES" not in build_question()


def test_a_page_as_it_should_be_gets_good_words_only() -> None:
    assert codes_of(GOOD) == ["snippet-found", "consent-none", "messages-seen"]


@pytest.mark.parametrize(
    ("seen", "code"),
    [
        (replace(SCRIPT, status=404), "script-failed"),
        (replace(SCRIPT, failure="no answer in 10 s", status=0), "script-failed"),
        (replace(SETTINGS, status=500), "settings-failed"),
        (replace(SETTINGS, host="cdn.segment.com"), "settings-elsewhere"),
        (replace(PAGE_CALL, host="api.segment.io"), "events-elsewhere"),
        (replace(SCRIPT, host="cdn.segment.com", path="/x"), "old-hosts"),
        (replace(SCRIPT, host="edge.fullstory.com", path="/x"), "device-mode-hosts"),
        (replace(SCRIPT, host="10.0.0.1", is_inside=True, path="/x"), "asks-inside"),
        (
            replace(SCRIPT, path="/analytics.js/v1/WK1/platform/analytics.min.js"),
            "snippet-twice",
        ),
        (replace(SCRIPT, path="/analytics.js/v1/OTHER/analytics.min.js"), "source-unknown"),
    ],
)
def test_each_thing_that_is_odd_has_its_code(seen: Exchange, code: str) -> None:
    assert code in codes_of(replace(GOOD, exchanges=(*GOOD.exchanges, seen)))
    assert code not in codes_of(GOOD)


def test_a_library_from_a_bundle_is_told_as_such() -> None:
    assert PAGE_CALL.batch is not None
    by_npm = replace(PAGE_CALL, batch=replace(PAGE_CALL.batch, library="npm:next-1.84.3"))
    visit = replace(GOOD, document=Document(status=200), exchanges=(SETTINGS, by_npm))

    assert codes_of(visit)[0] == "snippet-npm"


def test_default_hosts_are_right_while_visitors_are_sent_there() -> None:
    visit = replace(GOOD, exchanges=(SCRIPT, replace(PAGE_CALL, host="api.fp.net")))
    told = judge_visit(
        visit,
        (replace(WEB, other_hosts=frozenset({"api.fp.net"})),),
        find_policy_lines=lambda *_: (),
    )

    assert "events-elsewhere" in codes_of(visit)
    assert "events-elsewhere" not in {one.code for one in told}


@pytest.mark.parametrize(
    ("violation", "code"),
    [
        (
            Violation(
                directive="connect-src", url="https://api.cdp.shop.com/", is_report_only=False
            ),
            "policy-blocks",
        ),
        (
            Violation(
                directive="connect-src", url="https://api.cdp.shop.com/", is_report_only=True
            ),
            "policy-would-block",
        ),
        (
            Violation(directive="img-src", url="https://other.com/", is_report_only=False),
            "policy-allows",
        ),
    ],
)
def test_a_policy_is_judged_by_what_chromium_reported(violation: Violation, code: str) -> None:
    document = replace(GOOD.document, policy="default-src 'self'")

    assert code in codes_of(replace(GOOD, document=document, violations=(violation,)))


def test_an_inline_script_that_was_blocked_may_be_the_snippet_if_nothing_came_of_it() -> None:
    blocked = (Violation(directive="script-src-elem", url="", is_report_only=False),)

    assert "policy-blocks" in codes_of(replace(GOOD, exchanges=(), violations=blocked))
    assert "policy-blocks" not in codes_of(replace(GOOD, violations=blocked))


def test_consent_managers_are_known_by_global_or_host() -> None:
    by_global = replace(GOOD, document=replace(GOOD.document, globals=frozenset({"Didomi"})))
    host = replace(SCRIPT, host="cdn.cookielaw.org", path="/x")
    by_host = replace(GOOD, exchanges=(host,))

    assert find_managers(by_global) == ("Didomi",)
    assert find_managers(by_host) == ("OneTrust",)
    assert "events-before-consent" in codes_of(by_global)
    assert "consent-waits" in codes_of(by_host)


def test_the_signal_is_judged_by_what_was_sent_in_spite_of_it() -> None:
    assert judge_privacy(GOOD).code == "gpc-ignored"
    assert judge_privacy(replace(GOOD, exchanges=())).code == "gpc-respected"
    assert judge_privacy(Visit(failure="net::ERR")).code == "gpc-unknown"


def test_a_page_that_did_not_come_is_said_with_the_reason_of_our_side() -> None:
    tunnel = Exchange(
        method="CONNECT", scheme="https", host="www.shop.com", path="", failure="not public"
    )
    visit = Visit(
        exchanges=(tunnel,),
        failure="net::ERR_TUNNEL_CONNECTION_FAILED",
        page_addresses=("https://www.shop.com/",),
    )

    assert find_failure(visit) == "not public"
    assert codes_of(visit) == ["page-unreachable"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:p@www.shop.com/a?email=x#y", "https://www.shop.com/a"),
        ("data:text/html,<secret>", "data"),
        ("inline", ""),
        ("https://[broken", ""),
    ],
)
def test_addresses_are_shown_without_what_may_be_private(url: str, shown: str) -> None:
    assert without_query(url) == shown
