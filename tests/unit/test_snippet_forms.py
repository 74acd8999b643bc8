import html

import pytest

from firstparty.ingest.pixel import parse_pixel
from firstparty.ingest.routes import Kind, find_route
from firstparty.model.workspaces import SourceType
from firstparty.snippets.catalogue import build_snippet, list_forms, list_forms_for
from firstparty.snippets.facts import SnippetFacts

FACTS = SnippetFacts(
    write_key="WK", cdn_host="evs.S", api_host="api.S", alias="ab/cd", https_port=8443
)
# What each SDK must be told, as its source was read and, for those that could be, run.
RECORDED = {
    "npm": ['cdnURL: "https://evs.S:8443"', 'apiHost: "api.S:8443/v1", protocol: "https"'],
    "npm-settings": ["cdnSettings: settings", '"https://evs.S:8443/v1/projects/WK/settings"'],
    "umd": ['_cdn = "https://evs.S:8443"', 'cdnURL: "https://evs.S:8443"', '"api.S:8443/v1"'],
    "node": ['{ writeKey: "WK", host: "https://api.S:8443" }'],
    "node-legacy": ['new Analytics("WK", { host: "https://api.S:8443" })'],
    "python": ['analytics.host = "https://api.S:8443"\n', 'analytics.write_key = "WK"'],
    "ruby": ['write_key: "WK", host: "api.S", port: 8443'],
    "php": ['init("WK", ["host" => "api.S:8443"])'],
    "go": ['NewWithConfig("WK", analytics.Config{Endpoint: "https://api.S:8443"})'],
    "java": ['builder("WK").endpoint("https://api.S:8443")'],
    "clojure": ['"WK" {:endpoint "https://api.S:8443"}'],
    "dotnet": ['("WK", new Config().SetHost("https://api.S:8443"))'],
    "csharp": ['("WK", apiHost: "api.S:8443/v1", cdnHost: "evs.S:8443/v1")'],
    "kotlin": ['apiHost = "api.S:8443/v1"', 'cdnHost = "evs.S:8443/v1"', 'Analytics("WK"'],
    "swift": ['.apiHost("api.S:8443/v1")', '.cdnHost("evs.S:8443/v1")', 'writeKey: "WK"'],
    "react-native": [
        'proxy: "https://api.S:8443/v1"',
        'cdnProxy: "https://evs.S:8443/v1"',
        "useSegmentEndpoints: true",
    ],
    "ios-classic": ['? "https://evs.S:8443" : "https://api.S:8443"', "requestFactory"],
    "android-classic": ['"https://evs.S:8443" else "https://api.S:8443"', "connectionFactory"],
    "pixel": ['<img src="https://api.S:8443/v1/pixel/track?writeKey=WK&amp;'],
    "curl": ["'https://api.S:8443/v1/track' --user 'WK':"],
    "html": ['"https://evs.S:8443/ab/cd.min.js", "WK", "https://evs.S:8443", {}, true, false)'],
    "html-consent": [
        '"https://evs.S:8443/ab/cd.min.js", "WK", "https://evs.S:8443", {}, true, true'
    ],
}


def test_every_form_has_its_recorded_facts() -> None:
    assert set(RECORDED) == set(list_forms())


@pytest.mark.parametrize(("name", "facts"), RECORDED.items())
def test_a_form_tells_the_sdk_the_hosts_as_it_wants_them(name: str, facts: list[str]) -> None:
    code = build_snippet(name, FACTS)

    assert [fact for fact in facts if fact not in code] == []


@pytest.mark.parametrize("name", RECORDED)
def test_the_path_that_a_form_s_messages_arrive_at_is_one_that_ingest_has(name: str) -> None:
    route, _ = find_route(list_forms()[name].path.encode())

    assert route is not None
    assert route.kind in {Kind.MESSAGES, Kind.PIXEL}


@pytest.mark.parametrize("source_type", SourceType)
def test_every_type_of_source_has_a_form(source_type: SourceType) -> None:
    assert list_forms_for(source_type)


def test_the_snippet_for_a_page_comes_first_and_what_is_no_longer_developed_last() -> None:
    assert [*list_forms_for(SourceType.JAVASCRIPT)] == [
        "html",
        "html-consent",
        "npm",
        "npm-settings",
        "umd",
    ]
    assert [*list_forms_for(SourceType.NODE)] == ["node", "node-legacy"]
    assert [*list_forms_for(SourceType.MOBILE)][-2:] == ["android-classic", "ios-classic"]


def test_the_pixel_says_what_ingest_reads() -> None:
    [_, address, *_] = build_snippet("pixel", FACTS).split('"')
    read = parse_pixel(html.unescape(address).partition("?")[2].encode(), user_agent=b"")

    assert read is not None
    assert read[1] == "WK"
    assert b'"event":"Email Opened"' in read[0]
