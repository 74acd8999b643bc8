import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.cdn.paths import (
    AliasedScript,
    BundleNamed,
    Health,
    IntegrationCode,
    IntegrationsOf,
    ScriptOf,
    SettingsOf,
    Wanted,
    parse_path,
)


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/analytics.js/v1/WK/analytics.min.js", ScriptOf("WK")),
        ("/analytics.js/v1/WK/platform/analytics.min.js", ScriptOf("WK")),
        ("/mU51Acorm/go18rexsDt.min.js", AliasedScript("mU51Acorm/go18rexsDt")),
        ("/mU51Acorm/go18rexsDt.js", AliasedScript("mU51Acorm/go18rexsDt")),
        ("/v1/projects/WK/settings", SettingsOf("WK")),
        ("/v1/projects/WK/integrations", IntegrationsOf("WK")),
        ("/analytics-next/bundles/407.bundle.61ef.js", BundleNamed("407.bundle.61ef.js")),
        ("/_firstparty/health", Health()),
    ],
)
def test_each_path_of_the_contract_is_understood(path: str, wanted: Wanted) -> None:
    assert parse_path(path) == wanted


@pytest.mark.parametrize(
    "path",
    [
        "/next-integrations/integrations/amplitude/2.18.5/amplitude.dynamic.js.gz",
        "/next-integrations/integrations/vendor/commons.59560acc.js.gz",
        "/next-integrations/integrations/Z29vZ2xl/2.18.5/Z29vZ2xl.dynamic.js.gz",
        "/next-integrations/actions/YW1wbGl0dWRlLXBsdWdpbnM/18c5b1.js",
        "/next-integrations/actions/braze/18c5b1.js.map",
        "/next-integrations/middleware/Zm9v/latest/Zm9v.js.gz",
        "/next-integrations/middleware/a+b/c/latest/a+b/c.js.gz",
        "/next-integrations/actions/caf%C3%A9/1.js",
    ],
)
def test_code_of_destinations_is_asked_for_by_its_whole_path(path: str) -> None:
    assert parse_path(path) == IntegrationCode(path)


@pytest.mark.parametrize(
    "path",
    [
        "/next-integrations/integrations/../../v1/projects/WK/x.js",
        "/next-integrations/integrations/%2e%2e/x.js",
        "/next-integrations/integrations/a%2Fb.js",
        "/next-integrations/integrations/a%5cb.js",
        "/next-integrations/integrations/a%00b.js",
        "/next-integrations/integrations//a.js",
        "/next-integrations/integrations/a.html",
        "/next-integrations/integrations/a.js/",
        "/next-integrations/integrations/a.js\n",
        "/next-integrations/other/a.js",
        "/next-integrations/integrations/a b.js",
        "/next-integrations/integrations/" + "a" * 500 + ".js",
        "/",
        "",
        "/analytics.js/v1/WK/analytics.classic.js",
        "/analytics.js/v1//analytics.min.js",
        "/v1/projects/WK/settings/",
        "/analytics-next/bundles/../scripts/1.js",
        "/one/two/three.min.js",
        "/../two.min.js",
        "/mU51Acorm/go18rexsDt.min.js\n",
    ],
)
def test_any_other_path_is_nothing_of_ours(path: str) -> None:
    assert parse_path(path) is None


@given(st.text())
def test_any_text_gets_an_answer_whose_name_is_one_path_segment(path: str) -> None:
    wanted = parse_path(path)

    assert not isinstance(wanted, BundleNamed) or "/" not in wanted.name
