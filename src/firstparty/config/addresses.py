"""Addresses as settings write them, and the error that every wrong setting ends in."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import NamedTuple

Network = IPv4Network | IPv6Network


class ConfigError(Exception):
    """The settings cannot be used; one line with the file, the key and the reason."""


class Address(NamedTuple):
    """A host and port. The host is an IP address; an IPv6 one is written in brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_address(text: str, *, key: str) -> Address:
    """``"127.0.0.1:53"`` or ``"[::1]:53"`` to an Address; ``key`` is named when it is neither."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004
        raise ConfigError(f"{key}: {text!r} is not ADDRESS:PORT")
    return Address(host, int(port))


def parse_networks(texts: Iterable[str], *, key: str) -> tuple[Network, ...]:
    """``"203.0.113.7"`` and ``"2001:db8::/32"`` to networks; ``key`` is named for what is none."""
    networks = []
    for text in texts:
        try:
            networks.append(ip_network(text))
        except ValueError as error:
            raise ConfigError(f"{key}: {text!r} is not an address or network: {error}") from error
    return tuple(networks)
