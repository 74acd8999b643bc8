import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.cdn.settings import list_integrations, rewrite_settings

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def rewrite(settings: dict[str, Any]) -> dict[str, Any]:
    return rewrite_settings(
        settings,
        write_key="WK",
        cdn_origin="https://evs.x.test:8443",
        api_base="api.x.test:8443/v1",
    )


def test_events_and_metrics_go_to_the_api_host() -> None:
    rewritten = rewrite(
        {
            "integrations": {"Segment.io": {"apiHost": "events.eu1.segmentapis.com/v1"}},
            "metrics": {"sampleRate": 0.1, "host": "api.segment.io/v1"},
        }
    )

    assert rewritten["integrations"]["Segment.io"]["apiHost"] == "api.x.test:8443/v1"
    assert rewritten["metrics"] == {"sampleRate": 0.1, "host": "api.x.test:8443/v1"}


def test_a_source_without_settings_gets_defaults_with_its_write_key() -> None:
    rewritten = rewrite({})

    assert rewritten["integrations"]["Segment.io"]["apiKey"] == "WK"
    assert rewritten["integrations"]["Segment.io"]["apiHost"] == "api.x.test:8443/v1"
    assert rewritten["metrics"]["sampleRate"] == 0
    assert "track" not in rewritten["plan"]


def test_an_api_key_that_is_there_stays() -> None:
    rewritten = rewrite({"integrations": {"Segment.io": {"apiKey": "other"}}})

    assert rewritten["integrations"]["Segment.io"]["apiKey"] == "other"


def test_a_source_switched_off_stays_off() -> None:
    rewritten = rewrite({"integrations": {"Segment.io": False}})

    assert rewritten["integrations"]["Segment.io"] is False


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://cdn.segment.com/next-integrations/a.js", "/next-integrations/a.js"),
        ("https://cdn.segment.build/next-integrations/a.js", "/next-integrations/a.js"),
    ],
)
def test_plugins_come_from_the_cdn_host(url: str, wanted: str) -> None:
    rewritten = rewrite({"remotePlugins": [{"name": "A", "url": url, "settings": {"b": 1}}]})

    assert rewritten["remotePlugins"] == [
        {"name": "A", "url": f"https://evs.x.test:8443{wanted}", "settings": {"b": 1}}
    ]


@pytest.mark.parametrize(
    "url", ["https://cdn.segment.com.evil.test/a.js", "https://x.test/a.js", 7, None]
)
def test_the_address_of_any_other_plugin_stays(url: object) -> None:
    plugins = [{"name": "A", "url": url}]

    assert rewrite({"remotePlugins": plugins})["remotePlugins"] == plugins


@given(st.dictionaries(st.text(), JSON))
def test_what_is_unknown_is_kept_and_nothing_is_changed_in_place(settings: dict[str, Any]) -> None:
    before = copy.deepcopy(settings)
    rewritten = rewrite(settings)
    ours = {"integrations", "metrics", "remotePlugins"}

    assert settings == before
    assert {key: rewritten[key] for key in settings if key not in ours} == {
        key: settings[key] for key in settings if key not in ours
    }


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "integrations": JSON | st.fixed_dictionaries({"Segment.io": JSON}),
            "metrics": JSON,
            "remotePlugins": JSON | st.lists(st.fixed_dictionaries({"url": JSON})),
        },
    )
)
def test_settings_of_any_shape_end_up_with_our_hosts(settings: dict[str, Any]) -> None:
    rewritten = rewrite(settings)
    segment = rewritten["integrations"]["Segment.io"]

    assert segment is False or segment["apiHost"] == "api.x.test:8443/v1"
    assert rewritten["metrics"]["host"] == "api.x.test:8443/v1"


def test_the_integrations_list_names_destinations_once_and_not_segment() -> None:
    listed = list_integrations(
        {
            "integrations": {"Segment.io": {}, "Amplitude": {}},
            "remotePlugins": [
                {"name": "Braze", "creationName": "Braze Web"},
                {"name": "Amplitude"},
            ],
        }
    )

    assert [entry["creationName"] for entry in listed] == ["Amplitude", "Braze Web"]


@given(JSON, JSON)
def test_a_list_of_integrations_can_be_made_of_any_settings(first: Any, second: Any) -> None:
    listed = list_integrations({"integrations": first, "remotePlugins": [second]})
    names = [entry["name"] for entry in listed]

    assert len(names) == len(set(names))
    assert "Segment.io" not in names
