"""The operations of /api/v1/sources/{source_id}/proxy and /api/v1/proxies: proxies generated."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from firstparty.api.context import Here
from firstparty.api.problems import describe_problems
from firstparty.api.proxy_answers import ProxyAnswer
from firstparty.control.proxies import show_proxy
from firstparty.control.proxy_views import ProxyRequest, show_segment_proxy
from firstparty.control.sources import show_source

router = APIRouter(tags=["proxies"], responses=describe_problems(401, 403, 404, 422))


def _ask(
    provider: Annotated[str, Query(description="nginx, caddy, …", max_length=40)],
    cdn_host: Annotated[str, Query(description="For scripts", max_length=300)],
    api_host: Annotated[
        str | None, Query(description="For messages; the CDN host if unsaid", max_length=300)
    ] = None,
    source_url: Annotated[
        str | None, Query(description="The source's page in Segment, for the e-mails")
    ] = None,
    segment_source_id: Annotated[
        str | None, Query(description="The source's ID in Segment, for the e-mails")
    ] = None,
    *,
    caching: Annotated[bool, Query(description="Whether the proxy keeps bundles")] = True,
) -> ProxyRequest:
    return ProxyRequest(
        provider=provider,
        cdn_host=cdn_host,
        api_host=api_host,
        is_cached=caching,
        source_url=source_url,
        segment_source_id=segment_source_id,
    )


Asked = Annotated[ProxyRequest, Depends(_ask)]


@router.get("/sources/{source_id}/proxy")
def generate_proxy(here: Here, source_id: str, asked: Asked) -> ProxyAnswer:
    """The files, DNS records and steps of a custom proxy for this source."""
    view = show_source(here.store, here.caller, source_id, rules=here.rules)
    return ProxyAnswer.of(show_proxy(view, asked))


@router.get("/proxies")
def generate_segment_proxy(
    here: Here,
    asked: Asked,
    region: Annotated[str, Query(description="Segment's: us or eu", max_length=10)],
    write_key: Annotated[
        str | None, Query(description="For snippets and commands", max_length=128)
    ] = None,
) -> ProxyAnswer:
    """The same for Segment's own endpoints, without a source here."""
    del here  # whoever is signed in
    return ProxyAnswer.of(show_segment_proxy(asked, region=region, write_key=write_key))
