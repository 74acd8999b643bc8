"""One process of roles: starts them together, and leaves when told to or when one fails.

``python -m firstparty.serve.run [--config FILE] ROLE ...`` is how the supervisor starts it: a role
has no use for the command line's libraries.
"""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import uvloop

from firstparty.config.addresses import ConfigError
from firstparty.config.load import load_settings
from firstparty.config.settings import Settings
from firstparty.errors import Refused
from firstparty.model.json_text import read_deeper_than_ingest
from firstparty.serve.metrics.child import tell_metrics
from firstparty.serve.metrics.process import EventCounter, count_events
from firstparty.serve.processes import NAME_VARIABLE, Role, parse_roles
from firstparty.serve.roles import STARTERS, Surroundings, list_collectors
from firstparty.serve.sockets import inherit_sockets
from firstparty.telemetry import Log, configure_logs


def main() -> int:
    """Run the roles on the command line, on the sockets that a supervisor handed down."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--config", type=Path)
    arguments.add_argument("roles", nargs="+")
    given = arguments.parse_args()
    try:
        return run_process(load_settings(given.config), parse_roles(given.roles))
    except (ConfigError, Refused) as error:
        sys.stderr.write(f"firstparty: {error}\n")
        return 1


def run_process(settings: Settings, roles: Sequence[Role]) -> int:
    """Run these roles in this process until SIGTERM or SIGINT; the exit code."""
    name = "+".join(roles)
    configure_logs(name, level=settings.log_level)
    if Role.INGEST not in roles:
        read_deeper_than_ingest()
    events = count_events()
    if Role.CDN not in roles:
        _leave_out_aiohttp()
    here = Surroundings(settings=settings, sockets=inherit_sockets(os.environ))
    try:
        uvloop.run(_run_until_told(here, roles, events))
    except Exception:  # noqa: BLE001  # the rim: say it, and let the supervisor act
        Log(name).exception("role.failed")
        return 1
    return 0


def _leave_out_aiohttp() -> None:
    """Save what nats-py would load for WebSockets, which nobody here speaks: 12 MB a process."""
    sys.modules.setdefault("aiohttp", None)  # type: ignore[arg-type]


async def _run_until_told(here: Surroundings, roles: Sequence[Role], events: EventCounter) -> None:
    current = asyncio.current_task()
    assert current is not None
    told = False

    def leave() -> None:
        nonlocal told
        if not told:
            told = True
            current.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, leave)
    with suppress(asyncio.CancelledError):
        async with asyncio.TaskGroup() as tasks:
            for role in roles:
                tasks.create_task(STARTERS[role](here), name=role)
            collectors = list_collectors(here, roles, events)
            run = here.settings.run_directory
            name = os.environ.get(NAME_VARIABLE, "+".join(roles))
            tasks.create_task(tell_metrics(run, name, collectors))


if __name__ == "__main__":
    sys.exit(main())
