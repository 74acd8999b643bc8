"""The pages of the REST API, from the OpenAPI document that is served."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from firstparty.api.app import build_app
from firstparty.config.settings import Settings
from firstparty.console.api_docs import Operation, read_operations
from firstparty.store.engine import Store
from firstparty.store.sealing import Sealer
from tests.console_world import running_console

STREAMED = "(text/event-stream)"


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('api') / 'store.db'}")
    document = build_app(store=store, settings=Settings(), sealer=Sealer(bytes(32))).openapi()
    store.close()
    return document


@pytest.fixture(scope="module")
def operations(document: Mapping[str, Any]) -> list[Operation]:
    return [one for _, one in read_operations(document, base_url="https://fp.test")]


def test_every_operation_has_an_example_of_asking_and_of_its_answer(
    operations: list[Operation],
) -> None:
    without_answer = {one.name for one in operations if not one.answer and one.status != "204"}
    open_paths = {one.name for one in operations if "{" in one.curl.partition("-d")[0]}

    assert len(operations) >= 70
    assert without_answer == set()
    assert open_paths == set()
    assert all("https://fp.test" in one.curl for one in operations)


def test_every_example_of_a_body_fits_its_schema(document: Mapping[str, Any]) -> None:
    wrong = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
            for body in bodies:
                content = body.get("content", {}).get("application/json", {})
                if "example" not in content:
                    continue
                schema = {"components": document["components"], **content["schema"]}
                wrong += [
                    f"{method} {path}: {error.message}"
                    for error in Draft202012Validator(schema).iter_errors(content["example"])
                ]

    assert wrong == []


def test_examples_of_requests_are_what_a_shell_and_the_api_take(
    operations: list[Operation],
) -> None:
    by_name = {one.name: one for one in operations}
    curl = by_name["add_workspace"].curl

    assert "-X POST" in curl
    assert json.loads(curl.partition("-d '")[2].rstrip("'")) == {"name": "Shop"}
    assert by_name["show_domain"].curl.startswith("curl https://fp.test/api/v1/domains/dom_")
    assert by_name["tail_events"].answer == STREAMED


async def test_the_pages_need_no_sign_in_no_script_and_nothing_from_elsewhere(
    tmp_path: Path, document: Mapping[str, Any]
) -> None:
    async with (
        running_console(tmp_path, document=lambda: document) as world,
        world.browser() as browser,
    ):
        page = await browser.get("/docs")
        nouns = {noun for noun, _ in read_operations(document, base_url="")}
        pages = {noun: await browser.get(f"/docs/{noun}") for noun in nouns}
        unknown = await browser.get("/docs/nothing")

    assert page.status_code == 200
    assert {answer.status_code for answer in pages.values()} == {200}
    assert "/api/v1/domains/{domain_id}" in page.text
    assert 'id="show_domain"' in pages["domains"].text
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "<script>" not in page.text
    assert unknown.status_code == 404
