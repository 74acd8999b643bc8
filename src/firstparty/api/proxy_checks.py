"""The operation /api/v1/proxy-checks: checks a custom proxy from here, at public addresses only."""

import asyncio
import secrets
from datetime import timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from firstparty.api.context import Here, Installation
from firstparty.api.idempotency import IdempotentRoute
from firstparty.api.problems import describe_problems
from firstparty.control.proxy_checks import admit_proxy_check
from firstparty.errors import Refused, TooMany
from firstparty.outbound.http import SafeClient
from firstparty.proxies.causes import PROVIDERS
from firstparty.proxies.check import check_proxy, summarise
from firstparty.proxies.result import Result
from firstparty.proxies.target import parse_target

router = APIRouter(
    prefix="/proxy-checks",
    tags=["proxies"],
    route_class=IdempotentRoute,
    responses=describe_problems(401, 403, 404, 409, 422, 429),
)
MAX_AT_ONCE: Final = 4
_RETRY_AFTER: Final = timedelta(seconds=5)


class ProxyCheckRequest(BaseModel):
    """A proxy to check."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"cdn": "https://cdn.shop.com", "api": "https://api.shop.com/v1"}]
        },
    )

    cdn: Annotated[
        str,
        Field(description="The CDN side", examples=["https://cdn.shop.com"], max_length=500),
    ]
    api: Annotated[
        str | None,
        Field(description="The API side", examples=["https://api.shop.com/v1"], max_length=500),
    ] = None
    source_id: Annotated[
        str | None, Field(description="Send marked test messages for this source", max_length=64)
    ] = None
    provider: Annotated[
        str | None, Field(description="What it runs on: " + ", ".join(PROVIDERS), max_length=40)
    ] = None
    workspace_id: Annotated[
        str | None, Field(description="Where; not needed where you see just one", max_length=64)
    ] = None


class ProxyCheckResult(BaseModel):
    """One result; empty texts where there is nothing to say."""

    check: Annotated[str, Field(examples=["api.authorization"])]
    title: Annotated[str, Field(description="What passes")]
    status: Literal["pass", "warn", "fail", "skip"]
    sentence: str
    cause: Annotated[str | None, Field(examples=["authorization-dropped"])]
    fix: Annotated[str, Field(description="What to change, in the provider's words")]
    request: Annotated[str, Field(description="What was asked, in short")]
    answer: Annotated[str, Field(description="What came back, in short")]


class ProxyCheckAnswer(BaseModel):
    """All results, and the word for all of them."""

    status: Literal["pass", "warn", "fail"]
    results: list[ProxyCheckResult]


@router.post("")
def check_a_proxy(request: Request, here: Here, asked: ProxyCheckRequest) -> ProxyCheckAnswer:
    """Check a custom proxy, at public addresses only. Needs the role editor."""
    workspace = here.choose_workspace(asked.workspace_id)
    write_key = admit_proxy_check(
        here.store, here.caller, workspace_id=workspace.id, source_id=asked.source_id
    )
    if asked.provider is not None and asked.provider not in PROVIDERS:
        sentence = f"The provider is one of {', '.join(PROVIDERS)}."
        raise Refused("unknown-provider", sentence, field="provider")
    target = parse_target(
        cdn=asked.cdn, api=asked.api, write_key=write_key, provider=asked.provider
    )
    installation: Installation = request.app.state.installation
    if not installation.proxy_checks.acquire(blocking=False):
        raise TooMany(
            "checks-under-way",
            f"{MAX_AT_ONCE} proxies are being checked already: try again in a moment.",
            retry_after=_RETRY_AFTER,
        )
    try:
        results = asyncio.run(
            check_proxy(
                target,
                SafeClient(allow_private=False),
                now=here.now,
                nonce=secrets.token_hex(8),
                report=_ignore,
            )
        )
    finally:
        installation.proxy_checks.release()
    return _build_answer(results)


def _ignore(result: Result) -> None:
    del result


def _build_answer(results: tuple[Result, ...]) -> ProxyCheckAnswer:
    return ProxyCheckAnswer.model_validate(
        {"status": summarise(results), "results": results}, from_attributes=True
    )
