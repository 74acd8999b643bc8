"""Sockets on free loopback ports."""

import contextlib
import socket


def listener() -> socket.socket:
    """A listening TCP socket."""
    tcp = socket.create_server(("127.0.0.1", 0))
    tcp.setblocking(False)
    return tcp


def same_port() -> tuple[socket.socket, socket.socket]:
    """A UDP and a listening TCP socket on one port."""
    while True:
        tcp = listener()
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with contextlib.suppress(OSError):
            udp.bind(tcp.getsockname())
            return udp, tcp
        udp.close()
        tcp.close()


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nothing uses at the moment, for a program that binds it itself."""
    while True:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        ):
            tcp.bind((host, 0))
            with contextlib.suppress(OSError):
                udp.bind(tcp.getsockname())
                return int(tcp.getsockname()[1])
