import pytest

from firstparty.errors import Refused
from firstparty.proxies.catalogue import Checked, Topic, list_providers
from firstparty.proxies.device_mode import list_device_mode
from firstparty.proxies.generate import generate
from firstparty.proxies.model import Proxy, Upstream, parse_proxy_host
from tests.fakes.proxy_servers import SERVERS

EU = Upstream(host="events.eu1.segmentapis.com")
CDN = Upstream(host="cdn.segment.com")


def a_proxy(*, cdn_host: str = "evs.shop.com", is_cached: bool = True) -> Proxy:
    return Proxy(
        cdn_host=cdn_host,
        api_host="api.shop.com",
        cdn=CDN,
        api=EU,
        write_key="key123",
        is_cached=is_cached,
    )


@pytest.mark.parametrize("provider", list_providers())
@pytest.mark.parametrize("is_cached", [True, False])
def test_every_provider_names_both_upstreams_of_the_sources_region(
    provider: str, *, is_cached: bool
) -> None:
    made = generate(provider, a_proxy(is_cached=is_cached))
    text = "".join(file.text for file in made.files)

    assert EU.host in text
    assert CDN.host in text
    assert "api.segment.io" not in text
    assert len(made.steps) >= 3


@pytest.mark.parametrize("provider", list_providers())
def test_every_provider_has_a_claim_on_every_topic(provider: str) -> None:
    assert set(list_providers()[provider].claims) == set(Topic)


def test_only_what_a_test_starts_may_be_called_run() -> None:
    run = {
        name
        for name, provider in list_providers().items()
        if any(claim.checked is Checked.RUN for claim in provider.claims.values())
    }

    assert run <= set(SERVERS)


def test_one_host_gets_one_record() -> None:
    made = generate("nginx", a_proxy(cdn_host="api.shop.com"))

    assert [record.name for record in made.records] == ["api.shop.com."]
    assert "server_name api.shop.com;" in made.files[0].text


def test_a_proxy_of_itself_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        a_proxy(cdn_host="cdn.segment.com")

    assert (refused.value.code, refused.value.field) == ("proxy-of-itself", "cdn_host")


def test_an_unknown_provider_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(Refused, match=r"there are .*nginx"):
        generate("iis", a_proxy())


@pytest.mark.parametrize(
    "typed",
    ["", "shop", "https://evs.shop.com", "evs.shop.com/x", "1.2.3.4", "a b.com", "x;y.com",
     "evs.shop.com}", "*.shop.com", "a_b.shop.com", "a" * 64 + ".com", "evs..com"],
)  # fmt: skip
def test_what_is_no_host_name_is_refused(typed: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_proxy_host(typed, field="cdn_host")

    assert refused.value.code == "proxy-host-invalid"


def test_a_host_is_kept_as_dns_has_it() -> None:
    assert parse_proxy_host(" EVS.Bücher.de. ", field="cdn_host") == "evs.xn--bcher-kva.de"


def test_destinations_in_the_browser_are_listed() -> None:
    settings = {
        "integrations": {
            "Segment.io": {"type": "browser"},
            "FullStory": {"type": "browser"},
            "Hotjar": {"versionSettings": {"componentTypes": ["browser", "server"]}},
            "Mixpanel": {"type": "browser", "bundlingStatus": "unbundled"},
            "Webhooks": {"versionSettings": {"componentTypes": ["server"]}},
            "Odd": None,
        },
        "remotePlugins": [{"name": "braze", "creationName": "Braze Web"}, "odd"],
    }

    assert list_device_mode(settings) == ("Braze Web", "FullStory", "Hotjar")
    assert list_device_mode({}) == ()
