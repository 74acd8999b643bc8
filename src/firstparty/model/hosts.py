"""How a host of a domain is written in URLs: the port is left out where it is HTTPS's own."""

from typing import Final

HTTPS_PORT: Final = 443


def build_authority(host: str, https_port: int) -> str:
    """``host``, or ``host:port`` where the public HTTPS port is not 443 (RFC 3986 §3.2)."""
    return host if https_port == HTTPS_PORT else f"{host}:{https_port}"
