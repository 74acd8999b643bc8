"""The owner's own proxy as a domain: its hosts and what it runs on, parsed."""

from firstparty.errors import Refused
from firstparty.model.domains import OwnProxy
from firstparty.model.names import NamePolicy, parse_domain_name
from firstparty.proxies.catalogue import find_provider
from firstparty.proxies.model import parse_proxy_host

_UNKNOWN_TARGET = "your-proxy.example.com."  # the owner knows, where nobody said what it runs on


def parse_own_proxy(
    *, cdn_host: str, api_host: str, provider: str, target: str, policy: NamePolicy
) -> OwnProxy:
    """The proxy of these hosts; raises Refused with the field.

    The rules of a domain's name hold for each host: a proxy on the site's own name would take the
    whole site. ``target`` is the CNAME's; the provider's usual one where it is empty.
    """
    usual = find_provider(provider).target if provider else _UNKNOWN_TARGET
    said = parse_proxy_host(target, field="target") + "." if target.strip() else usual
    return OwnProxy(
        cdn_host=_parse(cdn_host, "cdn_host", policy),
        api_host=_parse(api_host, "api_host", policy),
        provider=provider,
        target=said,
    )


def _parse(typed: str, field: str, policy: NamePolicy) -> str:
    try:
        return parse_domain_name(typed, policy)
    except Refused as refused:
        raise Refused(refused.code, refused.sentence, field=field) from refused
