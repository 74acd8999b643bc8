"""Listening sockets: bound by the supervisor, handed down as descriptors.

The supervisor keeps every socket open, so the backlog of a worker that died waits for its
successor instead of being refused.
"""

import errno
import json
import os
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from firstparty.config.addresses import Address, ConfigError, parse_address
from firstparty.config.settings import Settings

VARIABLE: Final = "FIRSTPARTY_SOCKETS"  # JSON: name -> descriptor
_BACKLOG: Final = 1024
_UDP_BUFFER_BYTES: Final = 4 * 1024 * 1024


def bind_socket(name: str, settings: Settings) -> socket.socket:
    """The listening socket of this name. Raises ConfigError, with the setting, if it is taken."""
    match name:
        case "nameserver-udp":
            bound = _bind(settings.nameserver.listen, "nameserver.listen", socket.SOCK_DGRAM)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _UDP_BUFFER_BYTES)
            return bound
        case "nameserver-tcp":
            return _bind(settings.nameserver.listen, "nameserver.listen", socket.SOCK_STREAM)
        case "control":
            return _bind(settings.console.listen, "console.listen", socket.SOCK_STREAM)
        case _:
            return bind_unix(settings.run_directory / f"{name}.sock")


def check_port_is_free(text: str, key: str) -> None:
    """Raise ConfigError if somebody listens there.

    For the ports that Envoy and nats-server bind themselves. Envoy shares a port with any other
    process that asks for it (SO_REUSEPORT): without this check two edges would split visitors.
    """
    _bind(text, key, socket.SOCK_STREAM).close()


def bind_unix(path: Path) -> socket.socket:
    """A listening Unix socket at ``path``, for this user only; a stale one is replaced."""
    path.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        bound.bind(str(path))
    finally:
        os.umask(mask)
    bound.listen(_BACKLOG)
    bound.setblocking(False)
    return bound


def describe_sockets(sockets: Mapping[str, socket.socket], names: Iterable[str]) -> str:
    """The text of VARIABLE for a child that gets these sockets."""
    return json.dumps({name: sockets[name].fileno() for name in names})


def inherit_sockets(environment: Mapping[str, str]) -> dict[str, socket.socket]:
    """The sockets that the supervisor handed to this process, by name."""
    descriptors: dict[str, int] = json.loads(environment.get(VARIABLE, "{}"))
    inherited = {name: socket.socket(fileno=number) for name, number in descriptors.items()}
    for each in inherited.values():
        each.setblocking(False)
    return inherited


def _bind(text: str, key: str, kind: socket.SocketKind) -> socket.socket:
    address = parse_address(text, key=key)
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    bound = socket.socket(family, kind)
    if kind is socket.SOCK_STREAM:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(address)
        if kind is socket.SOCK_STREAM:
            bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        raise ConfigError(_why(address, key, error)) from error
    bound.setblocking(False)
    return bound


def _why(address: Address, key: str, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"{key}: {address} is in use by another process; set {key} to a free port"
        case errno.EACCES:
            return f"{key}: {address} needs more rights (root, or CAP_NET_BIND_SERVICE)"
        case errno.EADDRNOTAVAIL:
            return f"{key}: {address.host} is not an address of this machine"
        case _:
            return f"{key}: {address}: {error.strerror}"
