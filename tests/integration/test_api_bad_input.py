from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.served import Served, serve_api

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve_api(Path(tmp_path_factory.mktemp("api"))) as served:
        yield served


@pytest.fixture
def call(served: Served) -> Iterator[httpx.Client]:
    with served.call() as client:
        yield client


DEEP = b'{"name":"a","type":"javascript","settings":' + b'{"a":' * 400 + b"1" + b"}" * 401


@pytest.mark.parametrize(
    ("path", "content", "status", "field"),
    [
        ("/sources", b"", 422, "body"),
        ("/sources", b"{", 400, None),
        ("/sources", b"\xff\xfe", 400, None),
        ("/sources", b"[]", 422, "body"),
        ("/sources", b"null", 422, "body"),
        ("/sources", b'"text"', 422, "body"),
        ("/sources", b"[" * 200_000, 400, None),
        ("/sources", b'{"name":' + b"1" * 10_000 + b"}", 400, None),
        ("/sources", b'{"name": 1, "type": "javascript"}', 422, "name"),
        ("/sources", b'{"name": "a", "type": "cobol"}', 422, "type"),
        ("/sources", b'{"name": "a", "type": "javascript", "nmae": "a"}', 422, "nmae"),
        ("/sources", b'{"name": "", "type": "javascript"}', 422, "name"),
        ("/sources", b'{"name": "\\u0000", "type": "javascript"}', 422, "name"),
        ("/sources", b'{"name": "\\ud800", "type": "javascript"}', 422, "name"),
        ("/sources", b'{"name": "a", "type": "javascript", "region": "mars"}', 422, "region"),
        ("/sources", b'{"name": "a", "type": "javascript", "upstream": "x"}', 422, "upstream"),
        ("/sources", b'{"name": "a", "type": "javascript", "settings": []}', 422, "settings"),
        (
            "/sources",
            b'{"name": "a", "type": "javascript", "settings": {"a": NaN}}',
            422,
            "settings",
        ),
        ("/sources", DEEP, 422, "settings"),
        ("/domains", b'{"name": "shop.com", "source_ids": []}', 422, "name"),
        ("/domains", b'{"name": "cdp.shop.com", "source_ids": "x"}', 422, "source_ids"),
        ("/domains", b'{"name": "cdp.shop.com", "source_ids": [1]}', 422, "source_ids.0"),
        ("/domains", b'{"name": "\\ud800.shop.com", "source_ids": []}', 422, "name"),
        ("/domains", b'{"name": "a", "source_ids": [], "has_csp": "yes"}', 422, "has_csp"),
        ("/domains", b'{"name": "a", "source_ids": [], "mode": "magic"}', 422, "mode"),
        ("/tokens", b'{"name": "a", "role": "king"}', 422, "role"),
        ("/tokens", b'{"name": "a", "expires_at": "soon"}', 422, "expires_at"),
        ("/tokens", b'{"name": "a", "expires_at": "2020-01-01T00:00:00Z"}', 422, "expires_at"),
        ("/tokens", b'{"name": "a", "expires_at": "2030-01-01T00:00:00"}', 422, "expires_at"),
        ("/tokens", b'{"name": "a", "workspace_id": "", "everywhere": 1}', 422, "everywhere"),
    ],
)
def test_bad_input_is_a_problem_that_names_the_part(
    served: Served, call: httpx.Client, path: str, content: bytes, status: int, field: str | None
) -> None:
    own = call.post("/workspaces", json={"name": "Bad input"}).json()["id"]
    made = call.post("/tokens", json={"name": "t", "role": "owner", "workspace_id": own}).json()
    with served.call(made["token"]) as tenant:
        answer = tenant.post(path, content=content, headers=JSON)
    problem = answer.json()

    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["type"] == f"urn:firstparty:problem:{problem['code']}"
    assert problem["detail"]
    if field is not None:
        assert [error["field"] for error in problem["errors"]] == [field]


@pytest.mark.parametrize("is_chunked", [True, False])
def test_a_body_over_a_megabyte_is_refused(call: httpx.Client, *, is_chunked: bool) -> None:
    whole = b" " * 1_000_001
    content = iter([whole[:600_000], whole[600_000:]]) if is_chunked else whole
    answer = call.post("/sources", content=content, headers=JSON)

    assert answer.status_code == 413
    assert answer.json()["code"] == "body-too-large"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/domains/../../nothing", 404),
        ("PUT", "/domains", 405),
        ("GET", "/domains?limit=0", 422),
        ("GET", "/domains?limit=x", 422),
        ("GET", "/domains?after=%00", 400),
        ("GET", "/domains/%00", 400),
        ("GET", "/domains/dom_%F0%9F%92%A9", 404),
        ("GET", f"/domains/{'x' * 5000}", 404),
        ("GET", "/sources?workspace=wsp_nothing", 404),
        ("DELETE", "/tokens/tok_nothing", 404),
    ],
)
def test_a_path_that_cannot_be_is_a_problem(
    call: httpx.Client, method: str, path: str, status: int
) -> None:
    answer = call.request(method, path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
