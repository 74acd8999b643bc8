import base64
import hashlib
import json
import shlex
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.demo.shop_site import build_browser_command, build_policy, parse_demo
from firstparty.snippets.html import build_html_snippet


def a_report(**changes: Any) -> dict[str, Any]:
    source = {
        "type": "javascript",
        "write_key": "WK1",
        "alias_url": "https://evs.cdp.shop.test:8443/ab/cd.min.js",
    }
    domain = {
        "name": "cdp.shop.test",
        "cdn_host": "evs.cdp.shop.test",
        "api_host": "api.cdp.shop.test",
        "status": "live",
        "sources": [source],
    }
    report = {
        "edge": {"https": "127.0.0.1:8443", "ca": "/demo/ca.pem"},
        "upstream": {"url": "http://127.0.0.1:9"},
        "domains": [domain],
    }
    return report | changes


def test_the_report_says_how_the_page_is_served() -> None:
    site = parse_demo(json.dumps(a_report()).encode())

    assert site is not None
    assert site.facts.alias_url == "https://evs.cdp.shop.test:8443/ab/cd.min.js"
    assert site.facts.api_origin == "https://api.cdp.shop.test:8443"
    assert site.status == "live"


@pytest.mark.parametrize(
    "report",
    [
        b"",
        b"{",
        b"[]",
        json.dumps(a_report(domains=[])).encode(),
        json.dumps(a_report(edge={"https": "nowhere", "ca": ""})).encode(),
    ],
)
def test_a_report_without_a_script_yet_is_waited_for(report: bytes) -> None:
    assert parse_demo(report) is None


@given(st.binary())
def test_any_bytes_are_a_report_or_none(report: bytes) -> None:
    assert parse_demo(report) is None


def test_the_command_survives_a_shell_and_trusts_one_key_only() -> None:
    site = parse_demo(json.dumps(a_report()).encode())
    assert site is not None
    command = build_browser_command(
        site, shop="http://localhost:1/", pin="p+/i=", profile=Path("/my demo/browser")
    )
    words = shlex.split(command)

    assert words[:4] == [
        "chromium",
        "--user-data-dir=/my demo/browser",
        "--host-resolver-rules=MAP *.cdp.shop.test 127.0.0.1",
        "--ignore-certificate-errors-spki-list=p+/i=",
    ]
    assert words[-1] == "http://localhost:1/"
    assert "--ignore-certificate-errors" not in words


def test_the_policy_allows_the_snippet_by_its_hash_and_the_two_hosts() -> None:
    site = parse_demo(json.dumps(a_report()).encode())
    assert site is not None
    snippet = build_html_snippet(site.facts)
    texts: list[str] = []
    reader = HTMLParser()
    reader.handle_data = texts.append  # type: ignore[method-assign]
    reader.feed(snippet)
    digest = hashlib.sha256(texts[0].encode()).digest()
    policy = build_policy(site, snippet)

    assert f"'sha256-{base64.b64encode(digest).decode()}'" in policy
    assert "unsafe" not in policy
    assert "connect-src https://evs.cdp.shop.test:8443 https://api.cdp.shop.test:8443" in policy
