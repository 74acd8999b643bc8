"""Every answer that is not a success: problem documents (RFC 9457), made here alone."""

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Annotated, Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from firstparty.errors import Conflict, Forbidden, NotFound, Outdated, Refused, TooMany, Unavailable
from firstparty.telemetry import Log

MEDIA_TYPE: Final = "application/problem+json"
_MAX_REASONS: Final = 20
log = Log("control")


class Unauthenticated(Refused):
    """Nobody we know asks: the answer says how to authenticate."""


_STATUSES: Final[Mapping[type[Refused], HTTPStatus]] = MappingProxyType(
    {
        Unauthenticated: HTTPStatus.UNAUTHORIZED,
        NotFound: HTTPStatus.NOT_FOUND,
        Forbidden: HTTPStatus.FORBIDDEN,
        Conflict: HTTPStatus.CONFLICT,
        Outdated: HTTPStatus.PRECONDITION_FAILED,
    }
)


class Reason(BaseModel):
    """What is wrong with one part of a request."""

    field: Annotated[str, Field(description="The part, as a path", examples=["source_ids.0"])]
    reason: Annotated[str, Field(examples=["Input should be a valid string"])]


class Problem(BaseModel):
    """A problem document (RFC 9457)."""

    type: Annotated[str, Field(examples=["urn:firstparty:problem:name-is-apex"])]
    title: Annotated[str, Field(description="The status in words", examples=["Unprocessable"])]
    status: Annotated[int, Field(examples=[422])]
    code: Annotated[str, Field(description="Stable, for programs", examples=["name-is-apex"])]
    detail: Annotated[
        str,
        Field(
            description="What is wrong and what to do, for a person",
            examples=["shop.com is a registered domain itself: choose a subdomain of it."],
        ),
    ]
    errors: Annotated[
        list[Reason], Field(description="The parts of the request that are wrong, if parts are")
    ] = []


def describe_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI responses for these statuses."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def build_problem(
    status: int,
    code: str,
    detail: str,
    *,
    errors: Sequence[Reason] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The answer for one problem."""
    problem = Problem(
        type=f"urn:firstparty:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        code=code,
        detail=detail,
        errors=list(errors),
    )
    return JSONResponse(
        problem.model_dump(), status_code=status, headers=headers, media_type=MEDIA_TYPE
    )


def add_problems(app: FastAPI) -> None:
    """Answer every exception of ``app`` with a problem document."""
    app.add_exception_handler(Refused, _on_refused)
    app.add_exception_handler(Unavailable, _on_unavailable)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(OperationalError, _on_store)
    app.add_exception_handler(PoolTimeout, _on_store)
    app.add_exception_handler(Exception, _on_bug)


def status_of(refused: Refused) -> int:
    """The one mapping from refusals to HTTP statuses."""
    for kind, status in _STATUSES.items():
        if isinstance(refused, kind):
            return status
    return HTTPStatus.UNPROCESSABLE_ENTITY


async def _on_refused(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)
    errors = [Reason(field=error.field, reason=error.sentence)] if error.field else []
    headers = {"WWW-Authenticate": "Bearer"} if isinstance(error, Unauthenticated) else None
    return build_problem(
        status_of(error), error.code, error.sentence, errors=errors, headers=headers
    )


async def _on_unavailable(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Unavailable)
    seconds = max(1, math.ceil(error.retry_after.total_seconds()))
    headers = {"Retry-After": str(seconds)}
    if isinstance(error, TooMany):
        return build_problem(
            HTTPStatus.TOO_MANY_REQUESTS, error.code, error.sentence, headers=headers
        )
    return build_problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", str(error), headers=headers)


async def _on_invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        return build_problem(
            HTTPStatus.BAD_REQUEST,
            "not-json",
            "The body is not JSON: send one JSON object, with Content-Type: application/json.",
        )
    errors = [_reason(one) for one in found[:_MAX_REASONS]]
    told = "; ".join(f"{one.field}: {one.reason}" for one in errors[:3])
    return build_problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid",
        f"The request has parts that cannot be used: {told}.",
        errors=errors,
    )


def _reason(error: Mapping[str, Any]) -> Reason:
    # The first part says where: "body", "query", "path". An unknown field's name is the caller's
    # own text, so it is bounded.
    place, *path = error["loc"]
    if not path:
        told = "Send one JSON object, with Content-Type: application/json"
        return Reason(field=str(place), reason=told)
    reason = "There is no such field" if error["type"] == "extra_forbidden" else error["msg"]
    return Reason(field=".".join(str(part) for part in path)[:200], reason=reason)


async def _on_http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            code, detail = "no-such-path", "There is nothing at this path: see /openapi.json."
        case HTTPStatus.METHOD_NOT_ALLOWED:
            code, detail = "method-not-allowed", "This path does not have this method."
        case HTTPStatus.BAD_REQUEST:
            code, detail = "not-json", "The body cannot be read: send one JSON object."
        case _:
            code, detail = "refused", str(error.detail)
    return build_problem(error.status_code, code, detail, headers=error.headers)


async def _on_store(_request: Request, error: Exception) -> JSONResponse:
    log.error("store.unavailable", reason=type(error).__name__)
    return build_problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "store-unavailable",
        "The store does not answer in time: try again in a moment.",
        headers={"Retry-After": "1"},
    )


async def _on_bug(request: Request, error: Exception) -> JSONResponse:
    log.error("request.failed", method=request.method, path=request.url.path, bug=repr(error))
    return build_problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "bug",
        "Something is broken on our side. Nothing is wrong with the request: tell the operator, "
        "the log has the reason.",
    )
