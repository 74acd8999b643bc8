"""The operations of /api/v1/sources/{source_id}/proxy and /api/v1/proxies: proxies generated."""

from typing import Annotated

from fastapi import APIRouter, Query

from firstparty.api.context import Here
from firstparty.api.problems import describe_problems
from firstparty.api.proxy_answers import ProxyAnswer
from firstparty.control.proxies import show_proxy
from firstparty.control.proxy_views import ProxyRequest, show_segment_proxy
from firstparty.control.sources import show_source

router = APIRouter(tags=["proxies"], responses=describe_problems(401, 403, 404, 422))

Provider = Annotated[str, Query(description="nginx, caddy, …", max_length=40)]
CdnHost = Annotated[str, Query(description="For scripts", max_length=300)]
ApiHost = Annotated[
    str | None, Query(description="For messages; the CDN host if unsaid", max_length=300)
]
Caching = Annotated[bool, Query(description="Whether the proxy keeps bundles")]


@router.get("/sources/{source_id}/proxy")
def generate_proxy(
    here: Here,
    source_id: str,
    provider: Provider,
    cdn_host: CdnHost,
    api_host: ApiHost = None,
    *,
    caching: Caching = True,
) -> ProxyAnswer:
    """The files, DNS records and steps of a custom proxy for this source."""
    view = show_source(here.store, here.caller, source_id, rules=here.rules)
    asked = ProxyRequest(provider=provider, cdn_host=cdn_host, api_host=api_host, is_cached=caching)
    return ProxyAnswer.of(show_proxy(view, asked, rules=here.rules))


@router.get("/proxies")
def generate_segment_proxy(
    here: Here,
    provider: Provider,
    region: Annotated[str, Query(description="Segment's: us or eu", max_length=10)],
    cdn_host: CdnHost,
    api_host: ApiHost = None,
    write_key: Annotated[
        str | None, Query(description="For snippets and commands", max_length=128)
    ] = None,
    *,
    caching: Caching = True,
) -> ProxyAnswer:
    """The same for Segment's own endpoints, without a source here."""
    del here  # whoever is signed in
    asked = ProxyRequest(provider=provider, cdn_host=cdn_host, api_host=api_host, is_cached=caching)
    return ProxyAnswer.of(show_segment_proxy(asked, region=region, write_key=write_key))
