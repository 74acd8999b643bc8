"""Which processes this installation runs, and what each one listens on: pure."""

import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final

from firstparty.config.settings import Settings
from firstparty.errors import Refused


class Role(StrEnum):
    """The parts that run. Each can be a process of its own."""

    NATS = "nats"  # the durable log
    ADS = "ads"  # certificates and routes for Envoy
    INGEST = "ingest"  # tracking API
    CDN = "cdn"  # script, settings, bundles
    FORWARD = "forward"  # delivery upstream
    NAMESERVER = "nameserver"  # DNS
    CONTROL = "control"  # REST, console
    RECONCILER = "reconciler"  # drives domains live
    ALERTS = "alerts"  # tells people and programs
    ENVOY = "envoy"  # TLS and HTTP


_BINARIES: Final = frozenset({Role.NATS, Role.ENVOY})

NAME_VARIABLE: Final = "FIRSTPARTY_PROCESS"  # what the supervisor calls a child, told to it

EDGE_STOPS: Final = 0
WORKERS_STOP: Final = 1
LOG_STOPS: Final = 2
OUTSIDE_STOPS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One child of the supervisor.

    ``sockets`` are handed down, bound, by these names. Processes of a lower ``stop_rank`` stop
    first: Envoy drains into the workers, they into the log. Where the file ``restart_request``
    appears, the process is started anew.
    """

    name: str
    roles: tuple[str, ...]
    command: tuple[str, ...]
    sockets: tuple[str, ...] = ()
    stop_rank: int = WORKERS_STOP
    environment: Mapping[str, str] = field(default_factory=dict)
    restart_request: Path | None = None


# Batches come and go by the hundred kilobytes: glibc would give their memory back to the kernel and
# ask for it anew each time, which took half of the CPU of a batch. Now it keeps up to 64 MB of it.
INGEST_ENVIRONMENT: Final = MappingProxyType(
    {
        "MALLOC_TRIM_THRESHOLD_": str(64 * 1024**2),
        "MALLOC_MMAP_THRESHOLD_": str(16 * 1024**2),
        "MALLOC_TOP_PAD_": str(1024**2),
    }
)


def parse_roles(names: Collection[str]) -> tuple[Role, ...]:
    """Role names as typed; all roles when there are none. Raises Refused for an unknown one."""
    unknown = sorted(set(names) - set(Role))
    if unknown:
        raise Refused(
            "role-unknown",
            f"There is no role {', '.join(unknown)}; roles are {', '.join(Role)}.",
        )
    return tuple(role for role in Role if not names or role in names)


def plan_processes(
    settings: Settings, roles: Collection[Role], *, config: Path | None
) -> tuple[Process, ...]:
    """The Python processes for these roles: together as the settings say, ingest one a core."""
    planned: list[Process] = []
    placed: set[Role] = set()
    for role in roles:
        if role in placed or role in _BINARIES:
            continue
        group = _group_of(role, settings, roles)
        placed.update(group)
        copies = settings.ingest_processes if role is Role.INGEST else 1
        planned.extend(_python_process(group, config=config, copy=copy) for copy in range(copies))
    return tuple(planned)


def _group_of(role: Role, settings: Settings, roles: Collection[Role]) -> tuple[Role, ...]:
    if role in {Role.ADS, Role.INGEST}:  # ads outlives control; ingest has a process a core
        return (role,)
    for together in settings.processes.together:
        if role in together:
            return tuple(one for one in roles if one in together)
    return (role,)


def _python_process(group: tuple[Role, ...], *, config: Path | None, copy: int) -> Process:
    name = "+".join(group) if copy == 0 else f"{group[0]}-{copy}"
    sockets = tuple(socket for role in group for socket in _SOCKETS.get(role, ()))
    if Role.INGEST in group:
        sockets = (f"ingest-{copy}",)
    options = () if config is None else ("--config", str(config))
    return Process(
        name=name,
        roles=tuple(role if copy == 0 else f"{role}-{copy}" for role in group),
        command=(sys.executable, "-m", "firstparty.serve.run", *options, *group),
        sockets=sockets,
        environment=INGEST_ENVIRONMENT if Role.INGEST in group else {},
    )


_SOCKETS: Final = {
    Role.ADS: ("acme",),
    Role.CDN: ("cdn",),
    Role.NAMESERVER: ("nameserver-udp", "nameserver-tcp"),
    Role.CONTROL: ("control", "console"),
}
