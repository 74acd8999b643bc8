"""How many messages a second are let through, and what the others are told."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.ingest.rates import Rates
from firstparty.ingest.write_keys import ApiHost
from tests.ingest_rig import Rig, a_feed_entry, a_request, an_edge_domain

LIMITED = ApiHost(an_edge_domain(messages_per_second=10))
FREE = ApiHost(an_edge_domain())


@given(
    st.lists(st.tuples(st.floats(0, 3), st.integers(1, 40)), min_size=1, max_size=60),
    st.sampled_from([1, 2, 4]),
)
def test_over_any_time_the_rate_holds_but_for_a_burst_and_one_batch(
    requests: list[tuple[float, int]], processes: int
) -> None:
    rates, now, taken, largest = Rates(processes=processes), 0.0, 0, 0
    for pause, count in requests:
        now += pause
        if rates.take(LIMITED, 1, count, now=now) is None:
            taken += count
            largest = max(largest, count)

    rate = 10 / processes
    assert taken <= rate * (now + 2.0) + largest


@given(st.lists(st.integers(1, 30), min_size=1, max_size=20))
def test_who_waits_as_long_as_told_is_let_through(counts: list[int]) -> None:
    rates, now = Rates(), 0.0
    for count in counts:
        wait = rates.take(LIMITED, 1, count, now=now)
        if wait is not None:
            now += wait.total_seconds() + 1e-6
            assert rates.take(LIMITED, 1, count, now=now) is None


def test_a_source_with_a_limit_leaves_its_neighbours_alone() -> None:
    rates = Rates()
    waits = [rates.take(LIMITED, 1, 1, now=0.0) for _ in range(21)]

    assert waits[:20] == [None] * 20
    assert waits[20] is not None
    assert rates.take(LIMITED, 2, 1, now=0.0) is None


def test_a_workspace_has_one_limit_for_all_of_its_sources() -> None:
    rates = Rates(workspace_rate=10)
    other = an_edge_domain(api_host="api.other.test")
    other = type(other)(
        **{name: getattr(other, name) for name in other.__struct_fields__} | {"workspace": "wsp_2"}
    )
    waits = [rates.take(FREE, 1 + number % 2, 1, now=0.0) for number in range(21)]

    assert waits[20] is not None
    assert rates.take(ApiHost(other), 1, 1, now=0.0) is None


def test_a_changed_limit_counts_at_once() -> None:
    rates = Rates()
    for _ in range(30):
        rates.take(LIMITED, 1, 1, now=0.0)
    raised = ApiHost(an_edge_domain(messages_per_second=1_000))

    assert rates.take(raised, 1, 500, now=0.0) is None


@pytest.mark.parametrize(
    ("target", "content_type"),
    [("/v1/t", "application/json"), ("/v1/pixel/page?writeKey=WKWEB", "image/gif")],
)
async def test_over_the_limit_is_429_with_retry_after_and_nothing_is_stored(
    target: str, content_type: str
) -> None:
    rig = Rig(messages_per_second=1)
    is_pixel = "pixel" in target
    request = a_request("GET", target, body=None) if is_pixel else a_request(target=target)

    answers = [await rig.ask_once(request) for _ in range(5)]

    assert [answer.status for answer in answers] == [200, 200, 429, 429, 429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert answers[-1].headers["content-type"] == content_type
    assert len(rig.appender.entries) == 2
    assert rig.tracking.counts["refused.rate_limited"] == 3


async def test_the_messages_of_a_batch_count_one_by_one() -> None:
    rig = Rig(messages_per_second=10)
    body = json.dumps({"writeKey": "WKWEB", "batch": [{}] * 25}).encode()
    one = a_request()

    statuses = [
        (await rig.ask_once(request)).status
        for request in (a_request(target="/v1/batch", body=body), one)
    ]

    assert statuses == [200, 429]


async def test_one_tenant_at_five_times_its_share_is_refused_alone() -> None:
    rig = Rig(rates=Rates(workspace_rate=40))
    quiet = an_edge_domain("api.quiet.test", {"WKQUIET": 99}, "dom_2")
    entry = a_feed_entry(quiet, revision=2)
    body = (entry.body or b"").replace(b'"wsp_1"', b'"wsp_2"')
    rig.write_keys.apply([type(entry)(revision=2, topic=entry.topic, key="dom_2", body=body)])
    loud = a_request()
    still = a_request(host="api.quiet.test", body=b'{"writeKey":"WKQUIET"}')

    statuses: dict[bytes, list[int]] = {loud: [], still: []}
    for _ in range(80):  # the quiet tenant's two seconds' worth, and five times that
        for request in (loud, loud, loud, loud, loud, still):
            statuses[request].append((await rig.ask_once(request)).status)

    assert statuses[still] == [200] * 80
    assert statuses[loud].count(429) >= 200
    assert [entry.source for entry in rig.appender.entries].count(99) == 80
