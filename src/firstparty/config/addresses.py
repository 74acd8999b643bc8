"""Addresses as settings write them, and the error that every wrong setting ends in."""

from typing import NamedTuple


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
