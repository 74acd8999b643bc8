"""Hosts of a domain: how URLs write them, and how we name ourselves to them."""

from typing import Final

HTTPS_PORT: Final = 443
PROBE_AGENT: Final = "firstparty-probe"  # the User-Agent of our own probes: no visitor's


def build_authority(host: str, https_port: int) -> str:
    """``host``, or ``host:port`` where the public HTTPS port is not 443 (RFC 3986 §3.2)."""
    return host if https_port == HTTPS_PORT else f"{host}:{https_port}"
