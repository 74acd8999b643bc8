"""What browsers of which origins may do with an answer (Fetch, CORS protocol)."""

import pytest
from msgspec.structs import replace

from tests.ingest_rig import Rig, a_feed_entry, a_request, an_edge_domain


async def test_an_origin_on_the_domains_list_may_use_credentials_and_none_near_it() -> None:
    rig = Rig()
    listed = replace(an_edge_domain(), credential_origins=("https://www.shop.other",))
    rig.write_keys.apply([a_feed_entry(listed, revision=2)])
    origins = ["https://www.shop.other", "http://www.shop.other", "https://shop.other"]

    answers = [await rig.ask_once(a_request(Origin=origin)) for origin in origins]

    allowed = ["access-control-allow-credentials" in answer.headers for answer in answers]
    assert allowed == [True, False, False]


@pytest.mark.parametrize(
    ("origin", "has_credentials"),
    [
        ("https://www.example.test", True),
        ("https://example.test:8443", True),
        ("https://badexample.test", False),
        ("https://other.test", False),
        ("null", False),
    ],
)
async def test_every_origin_is_echoed_but_only_the_sites_own_may_use_credentials(
    origin: str, *, has_credentials: bool
) -> None:
    rig = Rig()

    good, bad = await rig.ask(a_request(Origin=origin), a_request(body=b"x", Origin=origin))

    for answer in (good, bad):
        assert answer.headers["access-control-allow-origin"] == origin
        assert ("access-control-allow-credentials" in answer.headers) is has_credentials
        assert answer.headers["vary"] == "Origin"
        assert answer.headers["access-control-expose-headers"] == "Retry-After"
        assert len(answer.names) == len(set(answer.names))


async def test_a_preflight_allows_what_the_browser_wants_to_send() -> None:
    rig = Rig()
    request = a_request(
        "OPTIONS",
        "/v1/t",
        body=None,
        Origin="https://www.example.test",
        Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="authorization,x-retry-count",
    )

    answer = await rig.ask_once(request)

    assert answer.status == 204
    assert "content-length" not in answer.headers
    assert answer.headers["access-control-allow-headers"] == "authorization,x-retry-count"
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-max-age"] == "86400"
    assert answer.headers["access-control-allow-origin"] == "https://www.example.test"


@pytest.mark.parametrize(
    ("target", "arrived"), [("/v1/pixel/track?a=1", "query"), ("/v1/pixel/track", "no-query")]
)
async def test_a_check_of_a_proxy_is_told_whether_its_query_arrived(
    target: str, arrived: str
) -> None:
    rig = Rig()
    told = await rig.ask_once(a_request("OPTIONS", target, body=None, Firstparty_Check="1"))
    untold = await rig.ask_once(a_request("OPTIONS", target, body=None))

    assert told.headers["firstparty-arrived"] == arrived
    assert "firstparty-arrived" not in untold.headers


async def test_a_remembered_head_answers_each_origin_with_its_own_lines() -> None:
    rig = Rig()
    origins = ["https://a.test", "https://b.test", "https://a.test"]

    answers = [await rig.ask_once(a_request(Origin=origin)) for origin in origins]

    assert [answer.headers["access-control-allow-origin"] for answer in answers] == origins
