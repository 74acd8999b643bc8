"""The operations that look at a customer's site from here: its policy, its cookies."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated, Final, Self

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from firstparty.api.context import Here, Installation
from firstparty.api.csp import PolicyAnswer
from firstparty.api.idempotency import IdempotentRoute
from firstparty.api.problems import describe_problems
from firstparty.control import domains, sources
from firstparty.control.callers import require_role
from firstparty.control.cookies import CookieReport, CookieRule, look_up_name, report_cookies
from firstparty.control.csp_page import PageCheck, check_page_policy
from firstparty.errors import TooMany
from firstparty.model.names import registrable_domain
from firstparty.model.workspaces import Role
from firstparty.outbound.http import SafeClient

router = APIRouter(
    tags=["sources"],
    route_class=IdempotentRoute,
    responses=describe_problems(401, 403, 404, 409, 422, 429),
)
_RETRY_AFTER: Final = timedelta(seconds=5)


class PageAsked(BaseModel):
    """The page to fetch."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"page": "https://www.shop.com/"}]}
    )

    page: Annotated[str, Field(description="An https address", max_length=2_000)]


class PageAnswer(BaseModel):
    """What a page says now, and what that blocks."""

    page: Annotated[str, Field(description="Where it was found, after redirects")]
    header: Annotated[str, Field(description="Its Content-Security-Policy")]
    report_only: str
    metas: Annotated[list[str], Field(description="Of its meta elements")]
    has_snippet: Annotated[bool, Field(description="The source's snippet is on the page")]
    has_nonce: Annotated[bool, Field(description="The snippet's element bears a nonce")]
    policy: PolicyAnswer

    @classmethod
    def of(cls, found: PageCheck) -> Self:
        """The answer for this check."""
        return cls(
            page=found.url,
            header=found.site.header,
            report_only=found.site.report_only,
            metas=list(found.facts.metas),
            has_snippet=found.facts.has_snippet,
            has_nonce=found.facts.has_nonce,
            policy=PolicyAnswer.of(found.check),
        )


class HostCookieAnswer(BaseModel):
    """Safari's rule for a cookie set by a host's answer."""

    host: Annotated[str, Field(examples=["api.cdp.shop.com"])]
    rule: CookieRule
    sentence: str
    canonical: Annotated[str, Field(description="The name at the end of its CNAMEs")]
    addresses: list[str]


class CookieAnswer(BaseModel):
    """Which of Safari's rules for cookies applies to a domain on a site."""

    site: str
    site_addresses: list[str]
    hosts: list[HostCookieAnswer]
    notes: Annotated[list[str], Field(description="What holds whatever the rule is")]

    @classmethod
    def of(cls, report: CookieReport) -> Self:
        """The answer for this report."""
        return cls.model_validate(report, from_attributes=True)


@router.post("/sources/{source_id}/csp/page")
def check_page(request: Request, here: Here, source_id: str, asked: PageAsked) -> PageAnswer:
    """Fetch a page of the site, at public addresses only, and check its policy.

    Needs the role editor.
    """
    view = sources.show_source(here.store, here.caller, source_id, rules=here.rules)
    workspace = view.source.workspace_id
    require_role(here.caller, workspace, Role.EDITOR, kind="source", identifier=source_id)
    with _admitted(request):
        return PageAnswer.of(
            asyncio.run(check_page_policy(view, asked.page, SafeClient(allow_private=False)))
        )


@router.get("/domains/{domain_id}/cookies")
def show_cookies(
    request: Request,
    here: Here,
    domain_id: str,
    site: Annotated[
        str | None,
        Query(description="The host of the site's pages; www. of the domain's site, if left out"),
    ] = None,
) -> CookieAnswer:
    """Which of Safari's rules for cookies applies to its hosts, in plain words."""
    domain = domains.show_domain(here.store, here.caller, domain_id, rules=here.rules).domain
    chosen = site or f"www.{registrable_domain(domain.name) or domain.name}"
    with _admitted(request):
        return CookieAnswer.of(asyncio.run(report_cookies(domain, chosen, look_up_name)))


@contextmanager
def _admitted(request: Request) -> Iterator[None]:
    """A few at once: each holds a thread while somebody else's server is slow."""
    installation: Installation = request.app.state.installation
    if not installation.proxy_checks.acquire(blocking=False):
        raise TooMany(
            "checks-under-way",
            "Other sites are being checked already: try again in a moment.",
            retry_after=_RETRY_AFTER,
        )
    try:
        yield
    finally:
        installation.proxy_checks.release()
