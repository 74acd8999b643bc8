"""Custom proxies: generated for a source and a provider, and checked, whoever runs them."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from starlette.responses import Response

from firstparty.console.failures import status_of
from firstparty.console.pages import render_page, render_text, stream_page, workspace_values
from firstparty.console.visits import Visit
from firstparty.control.callers import require_role
from firstparty.control.proxies import show_proxy
from firstparty.control.proxy_checks import admit_proxy_check
from firstparty.control.proxy_views import ProxyRequest, ProxyView, show_segment_proxy
from firstparty.control.sources import list_sources, show_source
from firstparty.errors import Forbidden, NotFound, Refused
from firstparty.model.workspaces import Role
from firstparty.outbound.http import SafeClient
from firstparty.proxies.catalogue import list_providers
from firstparty.proxies.check import check_proxy, summarise
from firstparty.proxies.platforms import PROVIDERS
from firstparty.proxies.result import Result, Status
from firstparty.proxies.target import Target, parse_target

MAX_CHECKS: Final = 4  # at a time, all people together
_SOURCES: Final = 500
_FIELDS: Final = (
    "source",
    "provider",
    "cdn_host",
    "api_host",
    "caching",
    "write_key",
    "source_url",
    "segment_source_id",
)
# Instead of a source of ours: Segment's own endpoints.
_REGIONS: Final = MappingProxyType({"segment-us": "us", "segment-eu": "eu"})
_TONES: Final = {Status.PASS: "good", Status.WARN: "wait", Status.FAIL: "bad", Status.SKIP: "idle"}


def show_generator(visit: Visit) -> Response:
    """The form, and what it makes: everything is in the address, so that it can be passed on."""
    values = _values(visit, tab="generate")
    typed = {name: visit.query.get(name, "") for name in _FIELDS}
    typed["caching"] = typed["caching"] or "yes"
    made, wrong = None, None
    if typed["cdn_host"] or typed["api_host"]:
        try:
            made = _generate(visit, typed)
        except (NotFound, Forbidden):
            raise
        except Refused as refused:
            wrong = refused
    return render_page(
        visit,
        "proxy_generate.html",
        status=status_of(wrong) if wrong else HTTPStatus.OK,
        **values,
        values=typed,
        source_options=[
            *((one.id, one.name) for one in values["sources"]),
            *((value, f"Segment itself, {region.upper()}") for value, region in _REGIONS.items()),
        ],
        provider_options=[(name, one.title) for name, one in list_providers().items()],
        made=made,
        wrong=wrong,
    )


def show_check(visit: Visit) -> Response:
    """The empty form."""
    typed = {name: visit.query.get(name, "") for name in ("cdn", "api", "source", "provider")}
    return _render_check(visit, typed, None)


def check(visit: Visit) -> Response:
    """Check a proxy; each result is on the page as soon as it is known."""
    typed = visit.form.typed()
    try:
        target = _parse_target(visit, typed)
    except (NotFound, Forbidden):
        raise
    except Refused as refused:
        return _render_check(visit, typed, refused)
    page = _render_check(visit, typed, None, is_running=True)
    return stream_page(page, _check(visit, target))


def _parse_target(visit: Visit, typed: dict[str, str]) -> Target:
    provider = typed.get("provider") or None
    if provider is not None and provider not in PROVIDERS:
        raise Refused(
            "unknown-provider", "Choose one of the providers in the list.", field="provider"
        )
    write_key = admit_proxy_check(
        visit.place.store,
        visit.caller,
        workspace_id=visit.path["workspace_id"],
        source_id=typed.get("source") or None,
    )
    return parse_target(
        cdn=typed.get("cdn", "").strip(),
        api=typed.get("api", "").strip() or None,
        write_key=write_key,
        provider=provider,
    )


async def _check(visit: Visit, target: Target) -> AsyncIterator[str]:
    results: asyncio.Queue[Result | None] = asyncio.Queue()

    async def run() -> tuple[Result, ...]:
        async with visit.place.proxy_checks:
            try:
                return await check_proxy(
                    target,
                    SafeClient(allow_private=False),
                    now=visit.now,
                    nonce=secrets.token_hex(8),
                    report=results.put_nowait,
                )
            finally:
                results.put_nowait(None)

    running = asyncio.create_task(run())
    try:
        while (result := await results.get()) is not None:
            yield render_text("proxy_result.html", result=result, tone=_TONES[result.status])
        found = await running
        yield render_text("proxy_verdict.html", status=summarise(found), results=found)
    finally:
        running.cancel()


def _generate(visit: Visit, typed: dict[str, str]) -> ProxyView:
    asked = ProxyRequest(
        provider=typed["provider"],
        cdn_host=typed["cdn_host"],
        api_host=typed["api_host"] or None,
        is_cached=typed["caching"] == "yes",
        source_url=typed["source_url"].strip() or None,
        segment_source_id=typed["segment_source_id"].strip() or None,
    )
    region = _REGIONS.get(typed["source"])
    if region is not None:
        return show_segment_proxy(
            asked, region=region, write_key=typed["write_key"].strip() or None
        )
    view = show_source(visit.place.store, visit.caller, typed["source"], rules=visit.place.rules)
    if view.source.workspace_id != visit.path["workspace_id"]:
        raise NotFound("source", typed["source"])
    return show_proxy(view, asked)


def _render_check(
    visit: Visit, typed: dict[str, str], wrong: Refused | None, *, is_running: bool = False
) -> Response:
    workspace_id = visit.path["workspace_id"]
    require_role(visit.caller, workspace_id, Role.EDITOR, kind="workspace", identifier=workspace_id)
    values = _values(visit, tab="check")
    sources = values["sources"]
    return render_page(
        visit,
        "proxy_check.html",
        status=status_of(wrong) if wrong else HTTPStatus.OK,
        **values,
        values=typed,
        source_options=[("", "None: send no message"), *((one.id, one.name) for one in sources)],
        provider_options=[("", "I do not know"), *((name, name) for name in PROVIDERS)],
        is_running=is_running,
        wrong=wrong,
    )


def _values(visit: Visit, *, tab: str) -> dict[str, Any]:
    values = workspace_values(visit, area="proxies", at_top=True)
    sources = list_sources(
        visit.place.store,
        visit.caller,
        workspace_id=visit.path["workspace_id"],
        rules=visit.place.rules,
        limit=_SOURCES,
    )
    return values | {"tab": tab, "sources": [view.source for view in sources]}
