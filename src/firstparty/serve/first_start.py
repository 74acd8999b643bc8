"""Has the store prepared by a child process, and hears of the account of a very first start.

A child, so that the supervisor, which lives for months, never loads what only this needs.
"""

import asyncio
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

from firstparty.config.addresses import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstStart:
    """The account of an installation's very first start: told once, to whoever started it."""

    email: str
    password: str = field(repr=False)
    token: str = field(repr=False)


async def prepare_store(config: Path | None) -> FirstStart | None:
    """Migrate the store; the first operator if it was empty. Raises ConfigError if it cannot."""
    options = () if config is None else ("--config", str(config))
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "firstparty.serve.prepare", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, problems = await child.communicate()
    if child.returncode != 0:
        last = problems.decode(errors="replace").strip().rpartition("\n")[2]
        raise ConfigError(f"store: cannot be prepared: {last}")
    made = json.loads(output)
    return FirstStart(**made) if made else None
