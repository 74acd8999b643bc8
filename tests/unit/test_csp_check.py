from hypothesis import given
from hypothesis import strategies as st

from firstparty.csp.check import build_change, check_policies
from firstparty.csp.device_mode import list_device_mode
from firstparty.csp.evaluate import build_hash
from firstparty.csp.needs import build_page_needs, build_pixel_needs, build_policy
from firstparty.csp.policy import Delivery, Policy, parse_policies, parse_policy

EVS, API, PAGE = "https://evs.cdp.shop.com", "https://api.cdp.shop.com", "https://www.shop.com/"
SETTINGS = {
    "integrations": {
        "Segment.io": {"unbundledIntegrations": ["Heap"]},
        "Segment Inspector": {"type": "browser"},
        "Iterable": {"type": "browser"},
        "Mixpanel": {"type": "browser"},
        "Heap": {"type": "browser"},
        "Google Analytics 4": {"versionSettings": {"componentTypes": ["browser", "server"]}},
        "Hotjar": {"type": "browser", "bundlingStatus": "unbundled"},
        "Webhooks": {"type": "server"},
        "Broken": False,
        "House Made": {"type": "browser", "bundlingStatus": "bundled"},
    },
    "remotePlugins": [
        {"name": "FullStory (Actions)", "url": f"{EVS}/next-integrations/actions/fullstory/a.js"},
        {"name": "Braze", "url": f"{EVS}/next-integrations/actions/braze-cloud-plugins/a.js"},
        {"name": 5},
        None,
    ],
}
INLINE = "run()"
NEEDS = build_page_needs(
    inline=INLINE,
    script_url=f"{EVS}/ab/cd.min.js",
    cdn_origin=EVS,
    api_origin=API,
    write_key="WK",
    destinations=list_device_mode(SETTINGS),
)
FOUR = NEEDS[:5]
FRAGMENTS = st.sampled_from(
    (
        *("'none'", "'self'", "*", "https:", "'unsafe-inline'", "'strict-dynamic'", "'nonce-a'"),
        *(EVS, API, f"{EVS}/ab/", "http://evs.cdp.shop.com", build_hash(INLINE), build_hash("x")),
    )
)
DIRECTIVES = st.sampled_from(
    ["default-src", "script-src", "script-src-elem", "connect-src", "img-src", "style-src"]
)
POLICIES = st.dictionaries(DIRECTIVES, st.lists(FRAGMENTS, max_size=4)).map(
    lambda policy: parse_policy("; ".join(" ".join((n, *said)) for n, said in policy.items()))
)


def blocked(text: str, *, has_nonce: bool = False) -> list[str]:
    verdicts = check_policies(parse_policies(text), FOUR, page=PAGE, has_nonce=has_nonce)
    return [verdict.need.what for verdict in verdicts if not verdict.is_allowed]


@given(policy=POLICIES, has_nonce=st.booleans())
def test_a_policy_with_what_it_lacked_allows_every_need(policy: Policy, *, has_nonce: bool) -> None:
    change = build_change(policy, NEEDS, page=PAGE, has_nonce=has_nonce)
    verdicts = check_policies([change.changed], NEEDS, page=PAGE, has_nonce=has_nonce)

    assert [verdict.need for verdict in verdicts if not verdict.is_allowed] == []
    assert change.obstacles == ()


@given(POLICIES)
def test_what_a_policy_allowed_it_still_allows_after_the_change(policy: Policy) -> None:
    before = check_policies([policy], NEEDS, page=PAGE)
    change = build_change(policy, NEEDS[3:], page=PAGE)
    after = check_policies([change.changed], NEEDS, page=PAGE)

    for old, new in zip(before, after, strict=True):
        assert new.is_allowed or not old.is_allowed


def test_the_policy_made_for_a_source_allows_it_and_no_other_script() -> None:
    policy = build_policy(FOUR)

    assert str(policy) == (f"script-src {build_hash(INLINE)} {EVS}; connect-src {EVS} {API}")
    assert blocked(str(policy)) == []


def test_each_need_that_is_blocked_is_named() -> None:
    assert blocked("") == []
    assert blocked("default-src 'none'") == ["snippet", "script", "bundles", "settings", "events"]
    assert blocked(f"connect-src {API}") == ["settings"]
    assert blocked(f"script-src {EVS}/ab/ 'unsafe-inline'") == ["bundles"]
    assert blocked("script-src 'nonce-a' 'strict-dynamic'") == ["snippet"]
    assert blocked("script-src 'nonce-a' 'strict-dynamic'", has_nonce=True) == []
    assert blocked("script-src 'nonce-a'", has_nonce=True) == ["script", "bundles"]
    assert blocked(f"connect-src {EVS}, connect-src {API}") == ["settings", "events"]


def test_a_report_only_policy_blocks_nothing_and_is_shown() -> None:
    [policy] = parse_policies("default-src 'none'", Delivery.REPORT_ONLY)
    verdicts = check_policies([policy], FOUR, page=PAGE)

    assert all(verdict.is_allowed for verdict in verdicts)
    assert {verdict.reported_by for verdict in verdicts} == {("default-src",)}


def test_a_new_directive_repeats_what_default_src_allowed() -> None:
    change = build_change(parse_policy("default-src 'self' 'none'"), FOUR, page=PAGE)

    assert str(change.changed) == (
        f"default-src 'self' 'none'; script-src 'self' {build_hash(INLINE)} {EVS}; "
        f"connect-src 'self' {EVS} {API}"
    )
    assert change.added["connect-src"] == (EVS, API)


def test_what_no_expression_can_lift_is_said() -> None:
    change = build_change(
        parse_policy("sandbox; require-trusted-types-for 'script'; connect-src 'none'"),
        FOUR,
        page=PAGE,
    )

    assert [sentence.split()[2] for sentence in change.obstacles] == ["sandboxes", "requires"]
    assert change.added["connect-src"] == (EVS, API)
    assert change.changed.directives["sandbox"] == ()


def test_a_pixel_needs_its_image_alone() -> None:
    needs = build_pixel_needs(pixel_url=f"{API}/v1/pixel/track?a=b", api_origin=API)

    assert str(build_policy(needs)) == f"img-src {API}"


def test_destinations_in_the_browser_are_those_that_the_library_would_load() -> None:
    found = {one.name: one.hosts for one in list_device_mode(SETTINGS)}

    assert found == {
        "Mixpanel": ("cdn.mxpnl.com", "api-js.mixpanel.com"),
        "Google Analytics 4": ("www.googletagmanager.com",),
        "FullStory (Actions)": ("edge.fullstory.com",),
        "House Made": (),
    }


KEYS = st.sampled_from(
    ["integrations", "remotePlugins", "name", "url", "type", "versionSettings", "Segment.io"]
)


@given(
    st.recursive(
        st.none() | st.text() | st.booleans(),
        lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
    )
)
def test_settings_of_any_shape_have_a_list(value: object) -> None:
    settings = value if isinstance(value, dict) else {"integrations": value, "remotePlugins": value}

    assert isinstance(list_device_mode(settings), tuple)


def test_a_destination_in_the_browser_needs_its_vendor_s_hosts() -> None:
    policy = build_policy(NEEDS)

    assert "https://cdn.mxpnl.com" in policy.directives["script-src"]
    assert "https://api-js.mixpanel.com" in policy.directives["connect-src"]
    assert "https://edge.fullstory.com" in policy.directives["img-src"]
