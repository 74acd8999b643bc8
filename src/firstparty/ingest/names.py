"""Header names in lower case (pure)."""

from typing import Final

# To find the names of a head here is quicker than to look at their letters.
_USUAL: Final = frozenset(
    b"accept accept-encoding accept-language authorization cache-control connection"
    b" content-encoding content-length content-type dnt expect host origin pragma priority referer"
    b" sec-ch-ua sec-ch-ua-mobile sec-ch-ua-platform sec-fetch-dest sec-fetch-mode sec-fetch-site"
    b" sec-gpc transfer-encoding upgrade user-agent x-arrived x-claimed x-forwarded-for"
    b" x-forwarded-proto x-real-ip x-request-id x-retry-count".split()
)


def lower_names(headers: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """The headers by their names in lower case; of equal names the first one stays.

    Where they are so already, as Envoy sends them, that is ``headers`` itself.
    """
    if _USUAL.issuperset(headers) or b"".join(headers).islower():
        return headers
    return {name.lower(): value for name, value in reversed(headers.items())}
