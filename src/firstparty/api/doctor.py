"""The doctor over REST: every check at once, as Server-Sent Events while it looks."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from datetime import timedelta
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse

from firstparty.api.context import ChosenWorkspace, Here, Installation
from firstparty.api.problems import describe_problems
from firstparty.control.callers import require_role
from firstparty.control.domains import show_domain
from firstparty.doctor.checks import Check, Doctor, Result, summarise
from firstparty.doctor.examine import examine
from firstparty.errors import TooMany, Unavailable
from firstparty.model.workspaces import Role

MAX_AT_ONCE: Final = 8
_STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {"text/event-stream": {"example": 'event: result\ndata: {"check": "tls"}\n\n'}},
        "description": "An event `result` for each result as it is known, then `done`",
    }
}

router = APIRouter(tags=["doctor"], responses=describe_problems(401, 403, 404, 422, 429, 503))


def _choose_domain_checks(
    request: Request,
    here: Here,
    domain_id: str,
    *,
    message: Annotated[
        bool,
        Query(description="Send a test message, which goes upstream; needs the role editor"),
    ] = False,
) -> Sequence[Check]:
    view = show_domain(here.store, here.caller, domain_id, rules=here.rules)
    if message:
        home = view.domain.workspace_id
        require_role(here.caller, home, Role.EDITOR, kind="domain", identifier=domain_id)
    return _find_doctor(request).list_domain_checks(domain_id, with_message=message)


def _choose_address_checks(
    request: Request,
    here: Here,
    url: Annotated[
        str,
        Query(
            description="A page of the site, or the CDN side of a custom proxy; public",
            examples=["https://www.shop.com/"],
            max_length=2_000,
        ),
    ],
    workspace: ChosenWorkspace = None,
    *,
    browser: Annotated[
        bool,
        Query(description="Open the page in a headless Chromium too, which takes half a minute"),
    ] = False,
) -> Sequence[Check]:
    home = here.choose_workspace(workspace).id
    require_role(here.caller, home, Role.EDITOR, kind="workspace", identifier=home)
    return _find_doctor(request).list_address_checks(url, workspace_id=home, with_browser=browser)


async def _take_slot(request: Request) -> AsyncIterator[None]:
    installation: Installation = request.app.state.installation
    slots = installation.examinations
    if slots.locked():
        raise TooMany(
            "too-many-examinations",
            f"The doctor looks at {MAX_AT_ONCE} things already: try again in a moment.",
            retry_after=timedelta(seconds=5),
        )
    async with slots:
        yield


Slot = Annotated[None, Depends(_take_slot)]


@router.get("/domains/{domain_id}/doctor", response_class=StreamingResponse, responses=_STREAM)
async def examine_domain(
    checks: Annotated[Sequence[Check], Depends(_choose_domain_checks)], _slot: Slot
) -> StreamingResponse:
    """Look at everything of a domain at once: DNS, certificate, edge, hosts, messages."""
    return StreamingResponse(stream_results(checks), media_type="text/event-stream")


@router.get("/doctor", response_class=StreamingResponse, responses=_STREAM)
async def examine_address(
    checks: Annotated[Sequence[Check], Depends(_choose_address_checks)], _slot: Slot
) -> StreamingResponse:
    """Look at a site's page (snippets, policy) or a custom proxy. Needs the role editor."""
    return StreamingResponse(stream_results(checks), media_type="text/event-stream")


async def stream_results(checks: Sequence[Check]) -> AsyncIterator[bytes]:
    """The results as Server-Sent Events; the last, ``done``, has the word for all of them."""
    results: list[Result] = []
    async with aclosing(examine(checks)) as found:
        async for result in found:
            results.append(result)
            yield _encode("result", describe_result(result))
    yield _encode("done", {"status": summarise(results)})


def describe_result(result: Result) -> dict[str, object]:
    """A result as JSON has it."""
    return {
        "check": result.check,
        "title": result.title,
        "verdict": result.found.verdict,
        "code": result.found.code,
        "sentence": result.found.sentence,
        "fix": result.found.fix,
        "evidence": result.found.evidence,
        "lines": result.found.lines,
        "after_ms": round(result.after / timedelta(milliseconds=1)),
    }


def _encode(name: str, value: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), msgspec.json.encode(value))


def _find_doctor(request: Request) -> Doctor:
    installation: Installation = request.app.state.installation
    if installation.doctor is None:
        raise Unavailable("The doctor is not in this process.", retry_after=timedelta(minutes=1))
    return installation.doctor
