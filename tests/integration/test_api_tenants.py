"""Every operation of the OpenAPI document, tried by everybody who may not."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from firstparty.config.settings import ResolverSettings, Settings, SpoolSettings
from firstparty.model.workspaces import Role
from tests.fakes.pairs import a_pair
from tests.served import Served, serve_api

SEES_ONLY_THEIR_OWN = {"list_workspaces"}
# Nothing runs here but the API: who may do these gets as far as the log, which is away.
NEEDS_THE_LOG = {
    "show_ledger",
    "export_ledger",
    "list_dead",
    "replay_dead",
    "replay_one",
    "tail_events",
    "show_source_traffic",
    "show_domain_traffic",
}
NEEDS_A_LIVE_DOMAIN = {"roll_zone_key", "move_domain"}
NEEDS_AN_OPERATOR = {
    "add_workspace",
    "reset_password",
    "set_plan",
    "show_certificate_queue",
    "list_usage",
    "show_system",
    "show_library",
    "install_library",
    "remove_library",
}
NEEDS_THE_MACHINE = {"show_system", "show_library", "install_library", "remove_library"}
NEEDS_NO_TOKEN = {"accept_invitation"}  # the link's secret says who it is
IS_FOR_OWNERS = {"list_invitations"}
IS_FOR_EDITORS = {"examine_address"}  # it sends requests to where it is told
IS_FOR_ADMINS = {
    "list_tokens",
    "list_audit",
    "list_channels",
    "show_channel",
    "list_deliveries",
}
ASKS_BY_POST = {"check_policy"}  # it changes nothing: a policy is too long for a query
HOSTS = {"cdn_host": "cdn.shop.com", "api_host": "api.shop.com"}
# Nothing outside is asked: another site, and an address that is not public.
NEEDS_A_PUBLIC_PAGE = {"check_page"}
BODIES = {
    "check_page": {"page": "https://127.0.0.1/"},
    "change_source": {"upstream": "webhook+https://hooks.shop.com/in"},  # for its secret
}
QUERIES = {
    "examine_address": {"url": "https://www.shop.com/"},
    "show_cookies": {"site": "www.other.test"},
    "generate_proxy": {"provider": "nginx", **HOSTS},
    "generate_segment_proxy": {"provider": "nginx", "region": "eu", **HOSTS},
}
IS_NOBODYS = {"generate_segment_proxy"}  # its answer is made of the question alone


@dataclass(frozen=True)
class Operation:
    name: str
    method: str
    path: str
    query: dict[str, str]
    body: dict[str, Any] | None

    def call(self, served: Served, bearer: str | None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        return httpx.request(
            self.method,
            served.url + self.path,
            params=self.query,
            json=self.body,
            headers=headers,
            trust_env=False,
            timeout=20,
        )


@dataclass(frozen=True)
class Tenants:
    served: Served
    ours: str
    theirs: str
    operations: list[Operation]


@pytest.fixture(scope="module")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenants]:
    settings = Settings(
        spool=SpoolSettings(url="nats://127.0.0.1:1"),
        resolver=ResolverSettings(public=("127.0.0.1:9",)),
    )
    with (
        serve_api(Path(tmp_path_factory.mktemp("api")), settings) as served,
        served.call() as operator,
    ):
        ours, theirs = (
            operator.post("/workspaces", json={"name": name}).json()["id"]
            for name in ("Ours", "Theirs")
        )
        yield Tenants(served, ours, theirs, build_operations(served, operator, theirs))


def build_operations(  # noqa: C901 - one branch for each kind of body
    served: Served, operator: httpx.Client, theirs: str
) -> list[Operation]:
    """Each operation, aimed at things of one workspace, with the document's own examples."""
    where = {"workspace_id": theirs}
    web = {"name": "Web", "type": "javascript", **where}
    *sources, spare = (operator.post("/sources", json=web).json()["id"] for _ in range(3))
    asked = {"name": "cdp.shop.com", "source_ids": sources[:1], **where}
    domain = operator.post("/domains", json=asked).json()["id"]
    link = operator.post(f"/domains/{domain}/dns-links", json={}).json()["id"]
    token = operator.post("/tokens", json={"name": "ci", **where}).json()["id"]
    made = operator.post("/invitations", json={"email": "ann@shop.test", **where}).json()
    accepted = {"secret": made["path"].rpartition("/")[2], "password": "four random words"}
    person = operator.post("/invitations/accept", json=accepted).json()["id"]
    invitation = operator.post("/invitations", json={"email": "bob@shop.test", **where}).json()
    mail = {"name": "On call", "kind": "email", "target": "on@call.test", **where}
    ids = {
        "channel_id": operator.post("/channels", json=mail).json()["id"],
        "person_id": person,
        "invitation_id": invitation["id"],
        "workspace_id": theirs,
        "source_id": sources[0],
        "domain_id": domain,
        "link_id": link,
        "token_id": token,
        "letter_id": f"{sources[0]}.1",
        "version": "1.84.3",
    }
    document = httpx.get(f"{served.url}/openapi.json", trust_env=False).json()
    operations = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if not path.startswith("/api/v1/") or operation["operationId"] in NEEDS_NO_TOKEN:
                continue
            names = {one["name"] for one in operation.get("parameters", ())}
            body = None
            if "requestBody" in operation:
                reference = operation["requestBody"]["content"]["application/json"]["schema"]
                schema = document["components"]["schemas"][reference["$ref"].rpartition("/")[2]]
                body = dict(BODIES.get(operation["operationId"], schema["examples"][0]))
                if "source_ids" in body:
                    body |= {"source_ids": sources[1:], "name": "cdp.other.com"}
                if "domains" in body:
                    asked = {"name": "cdp.more.com", "source_ids": [spare], **where}
                    body = {"domains": [asked]}
                if "source_id" in body:
                    body |= {"source_id": sources[0]}
                if "chain" in body:
                    body = a_pair(("evs.cdp.shop.com", "api.cdp.shop.com"))
                if "cdn" in body:
                    body = {"cdn": "https://127.0.0.1", "source_id": sources[0]}
                if "workspace_id" in schema["properties"]:
                    body |= where
            query = dict(QUERIES.get(operation["operationId"], {}))
            if "workspace" in names:
                query["workspace"] = theirs
            operations.append(
                Operation(operation["operationId"], method.upper(), path.format(**ids), query, body)
            )
    return sorted(operations, key=lambda one: one.method == "DELETE")


def test_the_matrix_has_every_noun(tenants: Tenants) -> None:
    nouns = {one.path.split("/")[3] for one in tenants.operations}

    assert nouns == {
        "certificate-queue",
        "usage",
        "system",
        "library",
        "workspaces",
        "sources",
        "domains",
        "events",
        "proxies",
        "proxy-checks",
        "tokens",
        "people",
        "invitations",
        "audit",
        "doctor",
        "channels",
    }
    assert len(tenants.operations) >= 38


@pytest.mark.parametrize("bearer", [None, "nonsense", f"fp_{'x' * 20}_{'x' * 43}"])
def test_without_a_token_nothing_is_answered(tenants: Tenants, bearer: str | None) -> None:
    answers = {one.name: one.call(tenants.served, bearer) for one in tenants.operations}

    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(
        answers, 401
    )
    assert {answer.headers["www-authenticate"] for answer in answers.values()} == {"Bearer"}


def test_what_another_workspace_has_does_not_exist(tenants: Tenants) -> None:
    bearer = tenants.served.token(Role.OWNER, tenants.ours)
    answers = {one.name: one.call(tenants.served, bearer) for one in tenants.operations}
    statuses = {name: answer.status_code for name, answer in answers.items()}
    expected = dict.fromkeys(statuses, 404)
    expected |= dict.fromkeys(SEES_ONLY_THEIR_OWN | IS_NOBODYS, 200)
    expected |= dict.fromkeys(NEEDS_AN_OPERATOR, 403)

    assert statuses == expected
    for name in SEES_ONLY_THEIR_OWN:
        assert [one["id"] for one in answers[name].json()["items"]] == [tenants.ours]


def test_a_foreign_thing_and_an_unknown_one_get_one_answer(tenants: Tenants) -> None:
    with tenants.served.call(tenants.served.token(Role.OWNER, tenants.ours)) as call:
        for one in tenants.operations:
            for known in (part for part in one.path.split("/") if "_" in part):
                unknown = known[:-1] + ("x" if known[-1] != "x" else "y")
                foreign = one.call(tenants.served, call.headers["authorization"][7:])
                missing = call.request(
                    one.method,
                    tenants.served.url + one.path.replace(known, unknown),
                    params=one.query,
                    json=one.body,
                )

                assert foreign.text.replace(known, unknown) == missing.text


def test_a_viewer_writes_nothing(tenants: Tenants) -> None:
    bearer = tenants.served.token(Role.VIEWER, tenants.theirs)
    writes = [one for one in tenants.operations if one.method != "GET"]
    answers = {one.name: one.call(tenants.served, bearer).status_code for one in writes}

    assert answers == dict.fromkeys(answers, 403) | dict.fromkeys(ASKS_BY_POST, 200)


def test_a_viewer_reads_all_but_who_may_get_in(tenants: Tenants) -> None:
    bearer = tenants.served.token(Role.VIEWER, tenants.theirs)
    reads = [one for one in tenants.operations if one.method == "GET"]
    answers = {one.name: one.call(tenants.served, bearer).status_code for one in reads}

    for_others = IS_FOR_ADMINS | IS_FOR_OWNERS | IS_FOR_EDITORS | (NEEDS_AN_OPERATOR & set(answers))
    closed = dict.fromkeys(for_others, 403)
    away = dict.fromkeys(NEEDS_THE_LOG & set(answers), 503)
    assert answers == dict.fromkeys(answers, 200) | closed | away


def test_an_operator_may_do_every_one_of_them(tenants: Tenants) -> None:
    # Last: it changes things. It shows that the refusals above were not for another reason.
    answers = {
        one.name: one.call(tenants.served, tenants.served.bearer) for one in tenants.operations
    }

    failed = {name: answer for name, answer in answers.items() if not answer.is_success}
    assert {name: answer.status_code for name, answer in failed.items()} == (
        dict.fromkeys(NEEDS_THE_LOG | NEEDS_THE_MACHINE, 503)
        | dict.fromkeys(NEEDS_A_LIVE_DOMAIN, 409)
        | dict.fromkeys(NEEDS_A_PUBLIC_PAGE, 422)
    )
