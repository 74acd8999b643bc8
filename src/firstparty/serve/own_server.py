"""Where our own nats-server is on this machine: for its plan, and for those who write to it."""

from firstparty.config.settings import Settings
from firstparty.spool.beside import OwnServer


def describe_own_server(settings: Settings) -> OwnServer:
    """Our own nats-server, as its writers see it; it is there where ``spool.url`` is empty."""
    return OwnServer(
        directory=settings.state_directory / "log",
        min_free_bytes=settings.spool.min_free_bytes,
        restart_request=settings.run_directory / "restart-nats",
    )
