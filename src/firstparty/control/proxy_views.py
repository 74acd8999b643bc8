"""A custom proxy as its owner gets it: its files, and what then goes into the page.

It knows no store: a proxy of Segment's own endpoints needs nothing that is kept here.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from firstparty.control.proxy_mail import Mail, write_mails
from firstparty.errors import Refused
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

NO_WRITE_KEY: Final = "WRITE_KEY"  # stands in snippets and commands where none was given
_WRITE_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_SEGMENT_FORMS: Final = ("html", "npm", "python", "node")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paste:
    """Code to copy; ``form`` is the snippet form."""

    form: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyView:
    """A proxy as its owner gets it.

    ``api_base`` is what SDKs and the source's host address are set to. ``device_mode`` names the
    destinations that the proxy does not cover, as far as they are known. ``mails`` are there for
    sources of Segment's, whose settings Segment alone can change.
    """

    proxy: Proxy
    generated: Generated
    pastes: tuple[Paste, ...]
    api_base: str
    device_mode: tuple[str, ...] = ()
    mails: tuple[Mail, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyRequest:
    """A proxy as asked for; hosts as typed, the API's None where it is the CDN's.

    ``source_url`` and ``segment_source_id`` are the source's in Segment, for the e-mails.
    """

    provider: str
    cdn_host: str
    api_host: str | None
    is_cached: bool = True
    source_url: str | None = None
    segment_source_id: str | None = None


def build_proxy_view(
    asked: ProxyRequest,
    *,
    upstreams: tuple[Upstream, Upstream],
    write_key: str,
    forms: Iterable[str],
    device_mode: tuple[str, ...] = (),
) -> ProxyView:
    """The proxy for a provider; raises Refused with the field."""
    cdn, api = upstreams
    cdn_host = parse_proxy_host(asked.cdn_host, field="cdn_host")
    api_host = asked.api_host
    proxy = Proxy(
        cdn_host=cdn_host,
        api_host=cdn_host if api_host is None else parse_proxy_host(api_host, field="api_host"),
        cdn=cdn,
        api=api,
        write_key=write_key,
        is_cached=asked.is_cached,
    )
    facts = SnippetFacts(
        write_key=write_key,
        cdn_host=proxy.cdn_host,
        api_host=proxy.api_host,
        alias=f"analytics.js/v1/{write_key}/analytics",  # a proxy knows the standard path alone
        # Segment's settings name Segment's API until its support switches them; ours do not.
        says_api_host=api.host in SEGMENT_APIS.values(),
    )
    return ProxyView(
        proxy=proxy,
        generated=generate(asked.provider, proxy),
        pastes=tuple(Paste(form=form, code=build_snippet(form, facts)) for form in forms),
        api_base=facts.api_base,
        device_mode=device_mode,
        mails=_write_mails(asked, facts, api),
    )


def _write_mails(asked: ProxyRequest, facts: SnippetFacts, api: Upstream) -> tuple[Mail, ...]:
    if api.host not in SEGMENT_APIS.values():
        return ()
    return write_mails(
        api_base=facts.api_base,
        default_api=f"{api.authority}/v1",
        source_url=asked.source_url,
        source_id=asked.segment_source_id,
    )


def show_segment_proxy(asked: ProxyRequest, *, region: str, write_key: str | None) -> ProxyView:
    """The proxy of Segment's own endpoints, which need no source here; raises Refused."""
    if region not in SEGMENT_APIS:
        names = " or ".join(SEGMENT_APIS)
        raise Refused("unknown-region", f"Segment's region is {names}.", field="region")
    if write_key is not None and not _WRITE_KEY.fullmatch(write_key):
        raise Refused("bad-write-key", "This is not a write key.", field="write_key")
    return build_proxy_view(
        asked,
        upstreams=(Upstream(host=SEGMENT_CDN), Upstream(host=SEGMENT_APIS[region])),
        write_key=write_key or NO_WRITE_KEY,
        forms=_SEGMENT_FORMS,
    )


def build_document(view: ProxyView) -> dict[str, Any]:
    """The proxy as JSON has it, for whoever asked: REST, or the command line without one."""
    made = view.generated
    return {
        "provider": made.provider,
        "title": made.title,
        "cdn_upstream": view.proxy.cdn.origin,
        "api_upstream": view.proxy.api.origin,
        "files": [{"path": one.path, "text": one.text} for one in made.files],
        "records": [
            {"name": one.name, "type": one.type, "value": one.value} for one in made.records
        ],
        "steps": list(made.steps),
        "pastes": [{"format": one.form, "code": one.code} for one in view.pastes],
        "api_base": view.api_base,
        "proof": list(made.proof),
        "device_mode": list(view.device_mode),
        "mails": [
            {"purpose": one.purpose, "subject": one.subject, "body": one.body} for one in view.mails
        ],
    }
