"""The operations on a domain's DNS admin links."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from firstparty.api.context import Here
from firstparty.api.idempotency import IdempotentRoute
from firstparty.api.problems import describe_problems
from firstparty.control import dns_links
from firstparty.model.dns_links import DnsLink

router = APIRouter(
    prefix="/domains/{domain_id}/dns-links",
    tags=["domains"],
    route_class=IdempotentRoute,
    responses=describe_problems(401, 403, 404, 409, 422),
)


class DnsLinkRequest(BaseModel):
    """A link to make."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"days": 14}]})

    days: Annotated[
        StrictInt, Field(description=f"How long it works: 1 to {dns_links.MAX_DAYS} days")
    ] = dns_links.DEFAULT_DAYS


class DnsLinkAnswer(BaseModel):
    """A link for whoever adds the DNS records."""

    id: Annotated[str, Field(examples=["lnk_8Qm2xT4nB7vK1cD5sW9e"])]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    is_open: Annotated[bool, Field(description="Whether it works now")]


class NewDnsLinkAnswer(DnsLinkAnswer):
    """A new link. Its address is in this answer alone."""

    url: Annotated[str, Field(description="The page, readable by whoever has it")]


@router.get("")
def list_dns_links(here: Here, domain_id: str) -> list[DnsLinkAnswer]:
    """The links of a domain, the newest first."""
    links = dns_links.list_dns_links(here.store, here.caller, domain_id)
    return [_answer(link, here.now) for link in links]


@router.post("", status_code=HTTPStatus.CREATED)
def add_dns_link(
    here: Here, request: Request, domain_id: str, asked: DnsLinkRequest
) -> NewDnsLinkAnswer:
    """Make a read-only page of the domain's records and their status; needs the role editor."""
    new = dns_links.add_dns_link(here.store, here.caller, domain_id, days=asked.days, now=here.now)
    url = str(request.base_url).rstrip("/") + new.path
    return NewDnsLinkAnswer(**_answer(new.link, here.now).model_dump(), url=url)


@router.delete("/{link_id}")
def revoke_dns_link(here: Here, domain_id: str, link_id: str) -> DnsLinkAnswer:
    """End a link at once; again changes nothing."""
    link = dns_links.revoke_dns_link(here.store, here.caller, domain_id, link_id, now=here.now)
    return _answer(link, here.now)


def _answer(link: DnsLink, now: datetime) -> DnsLinkAnswer:
    return DnsLinkAnswer(
        id=link.id,
        created_at=link.created_at,
        expires_at=link.expires_at,
        revoked_at=link.revoked_at,
        is_open=link.is_open(now),
    )
