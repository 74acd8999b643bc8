import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firstparty.errors import Refused
from firstparty.outbound.http import Request
from firstparty.proxies.requests import MESSAGE_ID_PREFIX, find_bundle, find_destination, list_steps
from firstparty.proxies.target import Target, parse_target

CDN = "https://cdn.shop.com"
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def a_destination(**facts: Any) -> dict[str, Any]:
    versions = {"version": "2.18.5", "componentTypes": ["browser", "server"]}
    return {"versionSettings": versions, **facts}


def sent_by(target: Target) -> list[Request]:
    steps = [step for step in list_steps(target, nonce="n") if not step.after]
    requests = [step.build({}) for step in steps]
    return [request for request in requests if request is not None]


def test_an_api_side_without_a_path_is_the_tracking_api_s_own() -> None:
    target = parse_target(cdn="cdn.shop.com", api="https://API.shop.com:8443/")

    assert str(target.cdn) == CDN
    assert str(target.api) == "https://api.shop.com:8443/v1"


@pytest.mark.parametrize(
    "text",
    ["http://cdn.shop.com", "ftp://x.com", "https://", "https://u:p@x.com", "https://x.com/a?b",
     "https://x.com/#a", "https://x.com/a b", "https://127.1", "https://0x7f000001", "https://[::1",
     "https://x.com:0x1", "https://x.com/..%0d%0a", "https://ümlaut.com"],
)  # fmt: skip
def test_what_is_no_plain_https_address_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        parse_target(cdn=text, api=None)


@given(st.text(max_size=60))
@example("[2606:4700::1]:8443/v1")
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        target = parse_target(cdn=text, api=text)
    except Refused:
        return

    assert parse_target(cdn=str(target.cdn), api=None).cdn == target.cdn


def test_without_a_write_key_no_request_is_a_message() -> None:
    for request in sent_by(parse_target(cdn=CDN, api="https://api.shop.com/v1")):
        if request.method == "POST":
            with pytest.raises(ValueError, match="Unterminated"):
                json.loads(request.body)


def test_the_write_key_goes_to_both_sides_and_every_message_is_marked() -> None:
    requests = sent_by(parse_target(cdn=CDN, api="https://api.shop.com/v1", write_key="KEY"))
    bodies = [json.loads(one.body) for one in requests if b'"event"' in one.body]

    assert len(bodies) == 2
    assert all(MESSAGE_ID_PREFIX in json.dumps(body) for body in bodies)
    assert "/v1/projects/KEY/settings" in {one.target for one in requests}


def test_the_name_of_a_bundle_is_built_as_the_script_s_loader_builds_it() -> None:
    named = b'({10:"tsub"}[t]||t)+".bundle."+{10:"89bf07058b3d3b126984",50:"4062"}[t]+".js"'
    unnamed = b'({11:"tsub"}[t]||t)+".bundle."+{407:"61efa1acb302134c434b"}[t]+".js"'

    assert find_bundle(named) == "tsub.bundle.89bf07058b3d3b126984.js"
    assert find_bundle(unnamed) == "407.bundle.61efa1acb302134c434b.js"
    assert find_bundle(b"\xff/* no loader */") is None


@pytest.mark.parametrize(
    ("integrations", "path"),
    [
        (
            {"Google Analytics.4": a_destination()},
            (
                "/next-integrations/integrations/google-analytics4/2.18.5/"
                "google-analytics4.dynamic.js.gz"
            ),
        ),
        ({"Segment.io": a_destination()}, None),
        ({"Iterable": a_destination()}, None),
        ({"X": a_destination(bundlingStatus="unbundled")}, None),
        ({"X": {"versionSettings": {"componentTypes": ["server"]}}}, None),
        (
            {"X": {"type": "browser"}},
            "/next-integrations/integrations/x/latest/x.dynamic.js.gz",
        ),
    ],
)
def test_a_destination_in_the_browser_is_found(
    integrations: dict[str, Any], path: str | None
) -> None:
    assert find_destination({"integrations": integrations}) == path


@given(st.dictionaries(st.sampled_from(["integrations", "remotePlugins"]), JSON_VALUES))
def test_settings_of_any_shape_name_a_plain_path_or_none(settings: dict[str, Any]) -> None:
    path = find_destination(settings)

    assert path is None or (path.startswith("/next-integrations/") and path.isprintable())
