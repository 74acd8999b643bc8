"""Requests that are sent again, or come late: idempotency keys and If-Match."""

from concurrent.futures import ThreadPoolExecutor

import httpx

from firstparty.store import tables
from tests import api_world
from tests.api_world import add_source
from tests.served import Served

served, workspace, call = api_world.served, api_world.workspace, api_world.call


def test_the_same_key_gets_the_same_answer_and_does_it_once(
    call: httpx.Client, workspace: str
) -> None:
    body = {"workspace_id": workspace, "name": "Once", "type": "javascript"}
    key = {"Idempotency-Key": f"once-{workspace}"}
    first = call.post("/sources", json=body, headers=key)
    again = call.post("/sources", json=body, headers=key)
    other = call.post("/sources", json=body | {"name": "Other"}, headers=key)
    listed = call.get("/sources", params={"workspace": workspace}).json()["items"]

    assert first.status_code == again.status_code == 201
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert other.status_code == 409
    assert other.json()["code"] == "idempotency-key-reused"
    assert [source["name"] for source in listed] == ["Once"]


def test_a_key_sent_by_many_at_once_is_done_once(served: Served, workspace: str) -> None:
    body = {"workspace_id": workspace, "name": "Raced", "type": "javascript"}

    def post(_: int) -> int:
        with served.call() as call:
            headers = {"Idempotency-Key": f"race-{workspace}"}
            return call.post("/sources", json=body, headers=headers).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = set(pool.map(post, range(8)))
    with served.call() as call:
        listed = call.get("/sources", params={"workspace": workspace}).json()["items"]

    assert statuses <= {201, 409}
    assert len(listed) == 1


def test_a_refused_request_may_be_sent_again_with_its_key(
    call: httpx.Client, workspace: str
) -> None:
    key = {"Idempotency-Key": f"refused-{workspace}"}
    bad = {"workspace_id": workspace, "name": "", "type": "javascript"}
    good = bad | {"name": "Good"}

    assert call.post("/sources", json=bad, headers=key).status_code == 422
    assert call.post("/sources", json=good, headers=key).status_code == 201


def test_another_tokens_key_is_another_key_and_a_revoked_one_gets_nothing(
    served: Served, call: httpx.Client, workspace: str
) -> None:
    key = {"Idempotency-Key": f"mine-{workspace}"}
    made = call.post("/tokens", json={"name": "a", "role": "owner", "workspace_id": workspace})
    token = made.json()
    with served.call(token["token"]) as other:
        first = other.post("/tokens", json={"name": "b"}, headers=key).json()
        elsewhere = call.post(
            "/tokens", json={"name": "b", "workspace_id": workspace}, headers=key
        ).json()
        call.delete(f"/tokens/{token['id']}")
        revoked = other.post("/tokens", json={"name": "b"}, headers=key)
    with served.store.read() as connection:
        kept = connection.execute(tables.answers.select()).all()

    assert first["id"] != elsewhere["id"]
    assert revoked.status_code == 401
    assert all(first["token"].encode() not in (row.sealed_body or b"") for row in kept)


def test_an_update_for_a_past_state_is_refused(call: httpx.Client, workspace: str) -> None:
    path = f"/sources/{add_source(call, workspace)['id']}"
    etag = call.get(path).headers["etag"]
    first = call.patch(path, json={"settings": {"a": 1}}, headers={"If-Match": etag})
    late = call.patch(path, json={"settings": {"b": 1}}, headers={"If-Match": etag})
    wrong = call.patch(path, json={"settings": {"b": 1}}, headers={"If-Match": "W/yes"})

    assert first.status_code == 200
    assert first.headers["etag"] == call.get(path).headers["etag"] != etag
    assert (late.status_code, late.json()["code"]) == (412, "changed-meanwhile")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "if-match-invalid")
    assert call.get(path).json()["settings"] == {"a": 1}
    latest = {"If-Match": first.headers["etag"]}
    assert call.patch(path, json={"settings": {"b": 1}}, headers=latest).status_code == 200


def test_a_domains_etag_is_that_of_its_intent(call: httpx.Client, workspace: str) -> None:
    source = add_source(call, workspace)
    body = {"workspace_id": workspace, "name": "cdp.etag.com", "source_ids": [source["id"]]}
    path = f"/domains/{call.post('/domains', json=body).json()['id']}"
    etag = call.get(path).headers["etag"]
    call.post(f"{path}/check")
    checked = call.get(path).headers["etag"]
    call.post(f"{path}/pause")
    late = call.delete(path, headers={"If-Match": etag})

    assert checked == etag
    assert late.status_code == 412
    assert call.delete(path, headers={"If-Match": "*"}).status_code == 200
