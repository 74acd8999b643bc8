"""The operations of /api/v1/domains."""

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from firstparty.api.context import After, ChosenWorkspace, Here, Limit
from firstparty.api.domain_answers import DomainAnswer
from firstparty.api.etags import IfMatch, read_if_match, set_etag
from firstparty.api.idempotency import IdempotentRoute
from firstparty.api.pages import Page, build_page
from firstparty.api.problems import describe_problems
from firstparty.api.record_answers import WrittenRecordsAnswer
from firstparty.control import credential_origins, domains, moves
from firstparty.control.dns_providers import ZONE_FILE, write_records
from firstparty.control.domain_requests import DomainRequest as Asked
from firstparty.model.domains import Mode
from firstparty.model.status import Word
from firstparty.store.domains import DomainFilter

_MODE: Final = (
    "How the name points at us: delegation (two NS records) or, second best since Safari and "
    "blockers see through it, cname (a CNAME record for each host); or proxy: hosts of a proxy "
    "that you run, which is checked and watched"
)

router = APIRouter(
    prefix="/domains",
    tags=["domains"],
    route_class=IdempotentRoute,
    responses=describe_problems(401, 403, 404, 409, 412, 422, 429),
)


class DomainRequest(BaseModel):
    """A domain to ask for."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"name": "cdp.shop.com", "source_ids": ["src_8Qm2xT4nB7vK1cD5sW9e"]},
            ]
        },
    )

    name: Annotated[
        str, Field(description="The subdomain, as A-labels or Unicode", max_length=1_000)
    ]
    source_ids: Annotated[
        list[str],
        Field(description="The sources to serve, a javascript source first", max_length=500),
    ]
    mode: Annotated[Mode, Field(description=_MODE)] = Mode.DELEGATION
    cdn_label: Annotated[str, Field(description="Label of the CDN host")] = "evs"
    api_label: Annotated[str, Field(description="Label of the API host")] = "api"
    has_csp: Annotated[StrictBool, Field(description="The site has a Content Security Policy")] = (
        False
    )
    description: Annotated[str, Field(description="For people, up to 2,000 characters")] = ""
    cdn_host: Annotated[str, Field(description="A proxy's", max_length=300)] = ""
    api_host: Annotated[
        str, Field(description="A proxy's; may be the CDN host", max_length=300)
    ] = ""
    provider: Annotated[str, Field(description="What a proxy runs on", max_length=40)] = ""
    target: Annotated[
        str, Field(description="Where a proxy's CNAME records lead", max_length=300)
    ] = ""
    workspace_id: Annotated[
        str | None, Field(description="Where; not needed where you see just one", max_length=64)
    ] = None


class SeveralRequest(BaseModel):
    """Domains to ask for at once."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"domains": [{"name": "cdp.shop.com", "source_ids": ["src_8Qm2xT4nB7vK1cD5sW9e"]}]}
            ]
        },
    )

    domains: Annotated[list[DomainRequest], Field(min_length=1, max_length=50)]


class MoveRequest(BaseModel):
    """A domain that is to take another's place."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "data.shop.com"}]}
    )

    name: Annotated[
        str, Field(description="The new subdomain, as A-labels or Unicode", max_length=1_000)
    ]
    mode: Annotated[Mode, Field(description=_MODE)] = Mode.DELEGATION
    cdn_label: Annotated[
        str | None, Field(description="Label of the CDN host; null: as it was")
    ] = None
    api_label: Annotated[
        str | None, Field(description="Label of the API host; null: as it was")
    ] = None


class OriginsRequest(BaseModel):
    """Pages of other sites that may send messages with credentials."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"origins": ["https://www.shop.example"]}]}
    )

    origins: Annotated[
        list[str], Field(description="https, host and perhaps port; up to 50", max_length=500)
    ]


@router.get("")
def list_domains(
    here: Here,
    workspace: ChosenWorkspace = None,
    name: Annotated[
        str | None, Query(description="Only the domain of this name", max_length=1_000)
    ] = None,
    q: Annotated[str, Query(description="Only names that have this in them", max_length=253)] = "",
    status: Annotated[Word | None, Query(description="Only those with this word")] = None,
    after: After = "",
    limit: Limit = 50,
) -> Page[DomainAnswer]:
    """The domains of a workspace, without those that are gone."""
    found = domains.list_domains(
        here.store,
        here.caller,
        workspace_id=here.choose_workspace(workspace).id,
        rules=here.rules,
        only=DomainFilter(name=name, part=q, word=status),
        after=after,
        limit=limit + 1,
    )
    return build_page(found, limit, build=DomainAnswer.of, cursor=lambda view: view.domain.id)


@router.post("", status_code=HTTPStatus.CREATED)
def request_domain(here: Here, asked: DomainRequest) -> DomainAnswer:
    """Ask for a domain. The answer has the records to add; needs the role editor."""
    view = domains.request_domain(
        here.store,
        here.caller,
        workspace_id=here.choose_workspace(asked.workspace_id).id,
        asked=_read(asked),
        rules=here.rules,
        now=here.now,
    )
    return DomainAnswer.of(view)


@router.post("/several", status_code=HTTPStatus.CREATED)
def request_domains(here: Here, asked: SeveralRequest) -> list[DomainAnswer]:
    """Ask for several domains, in one workspace or in each of several: all of them, or none."""
    views = domains.request_domains(
        here.store,
        here.caller,
        asked=[(here.choose_workspace(one.workspace_id).id, _read(one)) for one in asked.domains],
        rules=here.rules,
        now=here.now,
    )
    return [DomainAnswer.of(view) for view in views]


def _read(asked: DomainRequest) -> Asked:
    return Asked(
        name=asked.name,
        source_ids=tuple(asked.source_ids),
        mode=asked.mode,
        cdn_label=asked.cdn_label,
        api_label=asked.api_label,
        has_csp=asked.has_csp,
        description=asked.description,
        cdn_host=asked.cdn_host,
        api_host=asked.api_host,
        provider=asked.provider,
        target=asked.target,
    )


@router.get("/{domain_id}")
def show_domain(here: Here, response: Response, domain_id: str) -> DomainAnswer:
    """One domain, also a removed one."""
    view = domains.show_domain(here.store, here.caller, domain_id, rules=here.rules)
    set_etag(response, view.domain)
    return DomainAnswer.of(view)


@router.get("/{domain_id}/records")
def show_records(
    here: Here,
    domain_id: str,
    provider: Annotated[
        str, Query(description="`zone`: a zone file; or a DNS provider", max_length=40)
    ] = ZONE_FILE,
) -> WrittenRecordsAnswer:
    """The records to add as a zone file has them, or in the words of a DNS provider."""
    view = domains.show_domain(here.store, here.caller, domain_id, rules=here.rules)
    records = (one.record for one in view.records)
    written = write_records(records, domain=view.domain.name, provider=provider)
    return WrittenRecordsAnswer.of(written)


@router.post("/{domain_id}/check")
def check_domain(here: Here, domain_id: str) -> DomainAnswer:
    """Look at the domain now. What is found shows in the domain a moment later."""
    view = domains.check_domain(here.store, here.caller, domain_id, rules=here.rules, now=here.now)
    return DomainAnswer.of(view)


@router.post("/{domain_id}/pause")
def pause_domain(here: Here, domain_id: str) -> DomainAnswer:
    """Keep everything, do nothing; again changes nothing."""
    view = domains.pause_domain(here.store, here.caller, domain_id, rules=here.rules, now=here.now)
    return DomainAnswer.of(view)


@router.post("/{domain_id}/resume")
def resume_domain(here: Here, domain_id: str) -> DomainAnswer:
    """Go on after a pause; again changes nothing."""
    view = domains.resume_domain(here.store, here.caller, domain_id, rules=here.rules, now=here.now)
    return DomainAnswer.of(view)


@router.post("/{domain_id}/move", status_code=HTTPStatus.CREATED)
def move_domain(here: Here, domain_id: str, asked: MoveRequest) -> DomainAnswer:
    """Ask for a domain that takes this one's place, and answer it: both serve meanwhile."""
    view = moves.move_domain(
        here.store,
        here.caller,
        domain_id,
        asked=moves.MoveRequest(
            name=asked.name,
            mode=asked.mode,
            cdn_label=asked.cdn_label,
            api_label=asked.api_label,
        ),
        rules=here.rules,
        now=here.now,
    )
    return DomainAnswer.of(view)


@router.put("/{domain_id}/credential-origins")
def set_credential_origins(here: Here, domain_id: str, asked: OriginsRequest) -> DomainAnswer:
    """Let these pages, and no other site's, send with credentials. Needs the role editor."""
    view = credential_origins.set_credential_origins(
        here.store,
        here.caller,
        domain_id,
        origins=tuple(asked.origins),
        rules=here.rules,
        now=here.now,
    )
    return DomainAnswer.of(view)


@router.delete("/{domain_id}")
def remove_domain(
    here: Here,
    domain_id: str,
    *,
    at_once: Annotated[
        bool, Query(description="Do not serve it until nobody asks its hosts any more")
    ] = False,
    if_match: IfMatch = None,
) -> DomainAnswer:
    """Drain and forget the domain; its records prove nothing afterwards."""
    view = domains.remove_domain(
        here.store,
        here.caller,
        domain_id,
        revision=read_if_match(if_match),
        rules=here.rules,
        now=here.now,
        drains=not at_once,
    )
    return DomainAnswer.of(view)
