"""``firstparty serve``: settings in, supervised processes, exit code out."""

import asyncio
import signal
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from firstparty.config.addresses import ConfigError
from firstparty.config.load import load_settings
from firstparty.config.settings import Settings
from firstparty.errors import Refused
from firstparty.serve.binaries import plan_envoy, plan_nats
from firstparty.serve.directories import lock_roles, prepare_directories
from firstparty.serve.first_start import FirstStart, prepare_store
from firstparty.serve.metrics.front import serve_metrics
from firstparty.serve.processes import Process, Role, parse_roles, plan_processes
from firstparty.serve.profile import write_profile
from firstparty.serve.sockets import bind_socket
from firstparty.serve.supervisor import Supervisor
from firstparty.telemetry import Log, configure_logs

EXIT_FAILING = 1
EXIT_USAGE = 64


def run_serve(*, config: Path | None, roles: Sequence[str]) -> int:
    """Supervise these roles (all of them when none is named) until SIGTERM or SIGINT."""
    try:
        settings = load_settings(config)
        chosen = parse_roles(roles)
        configure_logs("supervisor", level=settings.log_level)
        return asyncio.run(_serve(settings, chosen, config))
    except Refused as refused:
        return _fail(refused.sentence, EXIT_USAGE)
    except ConfigError as error:
        return _fail(str(error), EXIT_FAILING)


async def plan_installation(
    settings: Settings, roles: Collection[Role], *, config: Path | None
) -> tuple[Process, ...]:
    """Every process for these roles, the log first; directories are there already.

    Raises ConfigError for what cannot start.
    """
    planned: list[Process] = []
    if Role.NATS in roles and not settings.spool.url:
        planned.append(plan_nats(settings))
    planned += plan_processes(settings, roles, config=config)
    if Role.ENVOY in roles:
        planned.append(await plan_envoy(settings))
    return tuple(planned)


async def _serve(settings: Settings, roles: Collection[Role], config: Path | None) -> int:
    prepare_directories(settings)
    locks = lock_roles(settings, roles)
    processes = await plan_installation(settings, roles, config=config)
    sockets = {
        name: bind_socket(name, settings) for process in processes for name in process.sockets
    }
    if Role.CONTROL in roles or Role.RECONCILER in roles:
        first = await prepare_store(config)
        if first is not None:
            _tell_first_start(first, settings)
    supervisor = Supervisor(sockets)
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    supervisor.start(processes)
    Log("supervisor").info(
        "serve.started",
        roles=" ".join(roles),
        state=settings.state,
        console=settings.console.listen,
    )
    metrics = asyncio.create_task(serve_metrics(settings, supervisor))
    await told.wait()
    metrics.cancel()
    await supervisor.stop()
    for lock in locks:
        lock.close()
    return 0


def _tell_first_start(first: FirstStart, settings: Settings) -> None:
    url = f"http://{settings.console.listen}"
    file = write_profile(url=url, token=first.token)
    sys.stderr.write(
        "\nThis is the first start. Choose your e-mail address and password here, within a week;\n"
        "the link works once and is not shown again:\n"
        f"  {url}{first.path}\n"
        f"The command line on this machine is signed in already ({file}).\n\n"
    )


def _fail(sentence: str, code: int) -> int:
    sys.stderr.write(f"firstparty: {sentence}\n")
    return code
