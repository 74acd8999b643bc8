"""The operation of /api/v1/sources/{source_id}/proxy."""

from typing import Annotated

from fastapi import APIRouter, Query

from firstparty.api.context import Here
from firstparty.api.problems import describe_problems
from firstparty.api.proxy_answers import ProxyAnswer
from firstparty.control.proxies import show_proxy
from firstparty.control.sources import show_source

router = APIRouter(
    prefix="/sources", tags=["proxies"], responses=describe_problems(401, 403, 404, 422)
)


@router.get("/{source_id}/proxy")
def generate_proxy(
    here: Here,
    source_id: str,
    provider: Annotated[str, Query(description="nginx, caddy, …", max_length=40)],
    cdn_host: Annotated[str, Query(description="For scripts", max_length=300)],
    api_host: Annotated[
        str, Query(description="For messages; may be the CDN host", max_length=300)
    ],
    *,
    caching: Annotated[bool, Query(description="Whether the proxy keeps bundles")] = True,
) -> ProxyAnswer:
    """The files, DNS records and steps of a custom proxy for this source."""
    view = show_source(here.store, here.caller, source_id, rules=here.rules)
    return ProxyAnswer.of(
        show_proxy(
            view,
            provider,
            cdn_host=cdn_host,
            api_host=api_host,
            is_cached=caching,
            rules=here.rules,
        )
    )
