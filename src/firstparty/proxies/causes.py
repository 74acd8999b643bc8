"""The known causes of a failing proxy as data: how each shows, what it is, what to change where."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

import msgspec

from firstparty.outbound.http import Response

# What a proxy may run on; the words of a fix differ.
PROVIDERS: Final = (
    "apache", "caddy", "cloudflare", "cloudfront", "envoy", "fastly", "haproxy", "ingress",
    "netlify", "nextjs", "nginx", "vercel",
)  # fmt: skip

# Generated for by another name.
_SAME: Final = {
    "cloudflare-worker": "cloudflare", "cloudflare-rules": "cloudflare", "kubernetes": "ingress",
}  # fmt: skip

# By headers that a provider adds, the outermost first: Segment itself is behind CloudFront, whose
# marks come through every other proxy.
_MARKS: Final = (
    ("cloudflare", "cf-ray", ""),
    ("cloudflare", "server", "cloudflare"),
    ("vercel", "x-vercel-id", ""),
    ("netlify", "x-nf-request-id", ""),
    ("fastly", "x-served-by", "cache-"),
    ("caddy", "via", "caddy"),
    ("envoy", "server", "envoy"),
    ("nginx", "server", "nginx"),
    ("apache", "server", "apache"),
    ("cloudfront", "x-amz-cf-id", ""),
    ("cloudfront", "server", "cloudfront"),
)


class Cause(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``shows`` is the symptom, for the documentation; ``fix`` is by provider, or ``any``."""

    shows: str
    sentence: str
    fix: Mapping[str, str]

    def fix_for(self, provider: str | None) -> str:
        """What to change, in the provider's words where they are known."""
        return self.fix.get(provider or "any") or self.fix["any"]


def find_words(provider: str) -> str | None:
    """The name that the fixes have for what is generated for ``provider``; None: any."""
    name = _SAME.get(provider, provider)
    return name if name in PROVIDERS else None


@cache
def list_causes() -> Mapping[str, Cause]:
    """Every known cause by its code."""
    text = files("firstparty.proxies").joinpath("causes.toml").read_text()
    return MappingProxyType(msgspec.convert(tomllib.loads(text), dict[str, Cause]))


def recognise_provider(response: Response) -> str | None:
    """What the proxy runs on, as its answer tells; None where it tells nothing."""
    for provider, header, mark in _MARKS:
        value = response.get(header).lower()
        if value and mark in value:
            return provider
    return None
