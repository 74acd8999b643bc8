"""Which hosts and write keys are known: as the feed has it now."""

from tests.ingest_rig import Rig, a_feed_entry, a_request, an_edge_domain, basic


async def test_the_feed_moves_adds_and_removes_hosts() -> None:
    rig = Rig()
    moved = an_edge_domain(api_host="api.new.test", keys={"WKNEW": 9})
    rig.write_keys.apply([a_feed_entry(moved, revision=2)])

    old = await rig.ask_once(a_request())
    new = await rig.ask_once(a_request(host="api.new.test", body=b'{"writeKey":"WKNEW"}'))
    foreign = await rig.ask_once(a_request(host="api.new.test"))

    assert (old.status, new.status, foreign.status) == (404, 200, 401)


async def test_a_head_that_was_taken_before_is_refused_once_its_write_key_is_gone() -> None:
    rig = Rig()
    request = a_request(body=b"{}", Authorization=basic("WKWEB"))
    before = [await rig.ask_once(request) for _ in range(2)]
    rig.write_keys.apply([a_feed_entry(an_edge_domain(keys={"WKNEW": 9}), revision=2)])

    after = await rig.ask_once(request)

    assert [answer.status for answer in before] == [200, 200]
    assert after.status == 401


async def test_removing_a_domain_does_not_take_its_name_from_the_next_owner() -> None:
    rig = Rig()
    second = an_edge_domain(keys={"WKNEW": 9}, identifier="dom_2")
    entry = a_feed_entry(second, revision=2)
    gone = type(entry)(revision=3, topic=entry.topic, key="dom_1", body=None)

    rig.write_keys.apply([entry, gone])

    assert (await rig.ask_once(a_request(body=b'{"writeKey":"WKNEW"}'))).status == 200


async def test_before_the_feed_is_known_an_unknown_host_is_told_to_come_back() -> None:
    rig = Rig()
    rig.write_keys.loaded.clear()

    answer = await rig.ask_once(a_request(host="api.other.test"))

    assert (answer.status, answer.json["code"]) == (503, "starting")
    assert "retry-after" in answer.headers


async def test_an_unreadable_entry_of_the_feed_changes_nothing() -> None:
    rig = Rig()
    entry = a_feed_entry(an_edge_domain())

    rig.write_keys.apply([type(entry)(revision=2, topic=entry.topic, key="dom_1", body=b"{}")])

    assert (await rig.ask_once(a_request())).status == 200
