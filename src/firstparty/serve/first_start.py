"""Has the store prepared by a child process, and hears what a very first start made.

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
    """What an installation's very first start made: told once, to whoever started it.

    ``path`` is the link, under the console's address, where the first operator chooses a password;
    or there is an account already, with ``email`` and ``password``.
    """

    token: str = field(repr=False)
    path: str = field(default="", repr=False)
    email: str = ""
    password: str = field(default="", repr=False)


async def prepare_store(config: Path | None, *, with_account: bool = False) -> FirstStart | None:
    """Migrate the store, and let the first operator in if nobody can sign in.

    ``with_account``: with an account and its password, not a link. Raises ConfigError if it cannot.
    """
    options = [] if config is None else ["--config", str(config)]
    if with_account:
        options.append("--with-account")
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
