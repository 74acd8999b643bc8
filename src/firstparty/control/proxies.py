"""The custom proxy of a source: where it leads, and what goes into its site or app."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from firstparty.control.proxy_views import ProxyRequest, ProxyView, build_proxy_view
from firstparty.control.sources import SourceView
from firstparty.model.workspaces import SourceType
from firstparty.proxies.device_mode import list_device_mode
from firstparty.proxies.model import Upstream
from firstparty.snippets.catalogue import list_forms_for

# Of the many ways to load Analytics.js, those that a proxy is meant for.
_FORMS: Final[Mapping[SourceType, tuple[str, ...]]] = MappingProxyType(
    {SourceType.JAVASCRIPT: ("html", "npm")}
)


def show_proxy(view: SourceView, asked: ProxyRequest) -> ProxyView:
    """Generate the proxy of a source for a provider; raises Refused with the field."""
    return build_proxy_view(
        asked,
        upstreams=find_upstreams(view),
        write_key=view.source.write_key,
        forms=_FORMS.get(view.source.type) or tuple(list_forms_for(view.source.type)),
        device_mode=list_device_mode(view.source.settings),
    )


def find_upstreams(view: SourceView) -> tuple[Upstream, Upstream]:
    """Where a proxy of this source gets scripts and sends messages.

    That is Segment, in the source's region, for a source of Segment's; for any other it is our
    default hosts, which serve every source.
    """
    hosts = view.default_hosts
    return (
        Upstream(host=hosts.cdn_host, port=hosts.https_port),
        Upstream(host=hosts.api_host, port=hosts.https_port),
    )
