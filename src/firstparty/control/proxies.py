"""The custom proxy of a source: where it leads, its files, and what then goes into the page."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from firstparty.control.rules import Rules
from firstparty.control.sources import SourceView
from firstparty.errors import Refused
from firstparty.model.workspaces import SourceType
from firstparty.proxies.device_mode import list_device_mode
from firstparty.proxies.generate import Generated, generate
from firstparty.proxies.model import (
    SEGMENT_APIS,
    SEGMENT_CDN,
    Proxy,
    Upstream,
    parse_proxy_host,
)
from firstparty.snippets.catalogue import build_snippet
from firstparty.snippets.facts import SnippetFacts
from firstparty.snippets.html import build_html_snippet

# The snippet forms for a source that is not a site's: none where an SDK has no form here.
_FORMS: Final[Mapping[SourceType, tuple[str, ...]]] = MappingProxyType(
    {
        SourceType.JAVASCRIPT: ("html", "npm"),
        SourceType.PYTHON: ("python",),
        SourceType.NODE: ("node",),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paste:
    """Code to copy; ``form`` is the snippet form."""

    form: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyView:
    """A proxy as its owner gets it.

    ``api_base`` is what SDKs and the source's host address are set to. ``device_mode`` names the
    destinations that the proxy does not cover.
    """

    proxy: Proxy
    generated: Generated
    pastes: tuple[Paste, ...]
    api_base: str
    device_mode: tuple[str, ...]


def show_proxy(
    view: SourceView,
    provider: str,
    *,
    cdn_host: str,
    api_host: str,
    is_cached: bool,
    rules: Rules,
) -> ProxyView:
    """Generate the proxy of a source for a provider; raises Refused with the field."""
    cdn, api = find_upstreams(view, rules)
    proxy = Proxy(
        cdn_host=parse_proxy_host(cdn_host, field="cdn_host"),
        api_host=parse_proxy_host(api_host, field="api_host"),
        cdn=cdn,
        api=api,
        write_key=view.source.write_key,
        is_cached=is_cached,
    )
    facts = SnippetFacts(
        write_key=proxy.write_key,
        cdn_host=proxy.cdn_host,
        api_host=proxy.api_host,
        alias=view.alias_path,
    )
    return ProxyView(
        proxy=proxy,
        generated=generate(provider, proxy),
        pastes=tuple(
            Paste(form=form, code=_build_paste(form, facts))
            for form in _FORMS.get(view.source.type, ())
        ),
        api_base=facts.api_base,
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
    if view.domain is None:
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


def _build_paste(form: str, facts: SnippetFacts) -> str:
    if form != "html":
        return build_snippet(form, facts)
    # The settings of the source say where messages go until its host address is switched; the
    # page's own options win over them.
    options = {"integrations": {"Segment.io": {"apiHost": facts.api_base, "protocol": "https"}}}
    return build_html_snippet(facts, is_standard=True, load_options=options)
