"""What proxies run on: the names that the fixes have, and how an answer gives it away."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # the command line needs the names alone
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


def find_words(provider: str) -> str | None:
    """The name that the fixes have for what is generated for ``provider``; None: any."""
    name = _SAME.get(provider, provider)
    return name if name in PROVIDERS else None


def recognise_provider(response: "Response") -> str | None:
    """What the proxy runs on, as its answer tells; None where it tells nothing."""
    for provider, header, mark in _MARKS:
        value = response.get(header).lower()
        if value and mark in value:
            return provider
    return None
