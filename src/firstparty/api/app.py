"""The REST API, put together."""

import asyncio
from datetime import UTC, datetime
from threading import BoundedSemaphore
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

import firstparty
from firstparty.api import (
    aliases,
    audit,
    certificates,
    channels,
    csp,
    dns_links,
    doctor,
    domains,
    events,
    health,
    invitations,
    key_rolls,
    operator,
    people,
    propagation,
    proxies,
    proxy_checks,
    rollout,
    site_checks,
    sources,
    tail,
    tokens,
    traffic,
    webhook_secrets,
    workspaces,
)
from firstparty.api.context import Clock, Installation
from firstparty.api.examples import IDENTIFIERS, RANDOM, build_example
from firstparty.api.idempotency import HEADER
from firstparty.api.limits import Limits
from firstparty.api.problems import MEDIA_TYPE, Problem, add_problems
from firstparty.api.rates import Rates
from firstparty.api.tail import MAX_TAILS
from firstparty.config.settings import Settings
from firstparty.control.machine import Machine
from firstparty.control.rules import build_rules
from firstparty.doctor.checks import Doctor
from firstparty.store.engine import Store
from firstparty.store.sealing import Sealer

_DESCRIPTION = """
Everything that the console does. Authenticate with `Authorization: Bearer TOKEN`.

Lists come in pages: send `next` back as `after`. A POST with an `Idempotency-Key` may be sent
again for a day: it gets the same answer and does nothing twice. What is not a success is a problem
document (RFC 9457) whose `code` is stable and whose `detail` says what to do.
"""

_PREFIX: Final = "/api/v1"
_IDEMPOTENCY_KEY: Final = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "Sent again within a day, the request gets the same answer and does it once",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "example": "5f0c1b5e-7d0e-4b7e-9a53-2f1f6f3b8a10",
}

_ANY_PROBLEM: Final = {
    "description": "Any other problem: a body that is no JSON, too large or too slow; too many "
    "requests; something that does not answer",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def build_app(
    *,
    store: Store,
    settings: Settings,
    sealer: Sealer,
    clock: Clock | None = None,
    doctor_in_use: Doctor | None = None,
    machine: Machine | None = None,
) -> FastAPI:
    """The application under the console's address. Pages may be mounted at its root.

    ``sealer`` seals secrets of channels. ``clock`` answers the time, aware UTC. Without a
    doctor, or the ``machine`` that this runs on, their operations answer 503.
    """
    app = FastAPI(
        title="Firstparty",
        version=firstparty.__version__,
        description=_DESCRIPTION,
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        generate_unique_id_function=_name_of,
    )
    app.state.installation = Installation(
        store=store,
        rules=build_rules(settings),
        clock=clock or _now,
        log_url=settings.spool.log_url,
        tails=asyncio.Semaphore(MAX_TAILS),
        proxy_checks=BoundedSemaphore(proxy_checks.MAX_AT_ONCE),
        propagations=propagation.new_turns(),
        rates=Rates(settings.console.requests_per_minute),
        examinations=asyncio.Semaphore(doctor.MAX_AT_ONCE),
        doctor=doctor_in_use,
        machine=machine,
        sealer=sealer,
    )
    nouns = (
        workspaces,
        sources,
        rollout,
        aliases,
        webhook_secrets,
        site_checks,
        proxies,
        csp,
        domains,
        dns_links,
        key_rolls,
        propagation,
        certificates,
        events,
        tail,
        proxy_checks,
        tokens,
        people,
        invitations,
        audit,
        doctor,
        channels,
        operator,
    )
    routers = (
        invitations.open_router,
        proxy_checks.live_router,
        traffic.source_router,
        traffic.domain_router,
        *(noun.router for noun in nouns),
    )
    for router in routers:  # at once: a router in a router has each route built twice
        app.include_router(router, prefix=_PREFIX)
    app.add_api_route(f"{_PREFIX}/{{path:path}}", _nothing_here, include_in_schema=False)
    app.include_router(health.router)
    add_problems(app)
    app.add_middleware(Limits)
    _complete_document(app)
    return app


def _now() -> datetime:
    return datetime.now(UTC)


def _name_of(route: APIRoute) -> str:
    return route.name


def _nothing_here(path: str) -> None:
    # Without this, a page mounted at the root would answer for an API path that does not exist.
    del path
    raise HTTPException(404)


def _is_streamed(operation: dict[str, Any]) -> bool:
    return "text/event-stream" in operation["responses"].get("200", {}).get("content", {})


def _add_examples(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """An example of each body that is JSON, made of those of its parts."""
    bodies = [operation.get("requestBody", {})]
    bodies += [one for status, one in operation["responses"].items() if status.startswith("2")]
    for body in bodies:
        content = body.get("content", {}).get("application/json", {})
        if "schema" in content:
            content["example"] = build_example(content["schema"], schemas)


def _complete_document(app: FastAPI) -> None:
    """Add to the OpenAPI document what no endpoint declares itself."""
    build = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = build()
            problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas = document["components"]["schemas"]
            schemas |= problem.pop("$defs", {}) | {"Problem": problem}
            for operations in document["paths"].values():
                asked = operations.get("post", {})
                if "security" in asked and not _is_streamed(asked):
                    asked.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
                for operation in operations.values():
                    _add_examples(operation, schemas)
                    operation["responses"]["default"] = _ANY_PROBLEM
                    for one in operation.get("parameters", ()):
                        if one["in"] == "path":
                            one["example"] = IDENTIFIERS.get(one["name"], RANDOM)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI documents it
