"""The custom proxy of a source: where it leads, and what goes into its site or app."""

from urllib.parse import urlsplit

from firstparty.control.proxy_views import ProxyRequest, ProxyView, build_proxy_view
from firstparty.control.rules import Rules
from firstparty.control.sources import SourceView
from firstparty.errors import Refused
from firstparty.model.domains import Mode
from firstparty.proxies.device_mode import list_device_mode
from firstparty.proxies.model import SEGMENT_APIS, SEGMENT_CDN, Upstream
from firstparty.snippets.catalogue import list_forms_for


def show_proxy(view: SourceView, asked: ProxyRequest, *, rules: Rules) -> ProxyView:
    """Generate the proxy of a source for a provider; raises Refused with the field."""
    forms = list_forms_for(view.source.type)
    return build_proxy_view(
        asked,
        upstreams=find_upstreams(view, rules),
        write_key=view.source.write_key,
        # Of several forms for a page, the one that an owner gets first.
        forms=[name for name, form in forms.items() if not form.is_html or name == "html"],
        device_mode=list_device_mode(view.source.settings),
    )


def find_upstreams(view: SourceView, rules: Rules) -> tuple[Upstream, Upstream]:
    """Where a proxy of this source gets scripts and sends messages.

    That is Segment, in the source's region, for a source of Segment's; for any other it is our own
    hosts, so it needs a domain. Raises Refused where there is none.
    """
    host = urlsplit(view.source.upstream).hostname or ""
    if host in SEGMENT_APIS.values():
        return Upstream(host=SEGMENT_CDN), Upstream(host=host)
    # A domain that is this very proxy has no origin of ours.
    if view.domain is None or view.domain.mode is Mode.PROXY:
        raise Refused(
            "proxy-without-origin",
            f"Messages of {view.source.name} go to {view.source.upstream}, which has no CDN: its "
            "proxy leads to our own hosts, so add a domain with this source first.",
            field="source_id",
        )
    return (
        Upstream(host=view.domain.cdn_host, port=rules.https_port),
        Upstream(host=view.domain.api_host, port=rules.https_port),
    )
