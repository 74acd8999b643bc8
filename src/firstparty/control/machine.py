"""What an operator sees of this installation's machine, and of its versions of Analytics.js.

Only an operator may look, and only one who may write may change anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from firstparty.control.callers import Caller, require_operator
from firstparty.errors import Conflict, NotFound, Unavailable
from firstparty.store import usage
from firstparty.store.engine import Store
from firstparty.store.people import add_audit
from firstparty.store.usage import WorkspaceUsage

_RETRY_AFTER: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessState:
    """A process that answers. ``behind``: revisions of the feed that it has not followed yet."""

    name: str
    started_at: datetime
    cpu_seconds: float
    max_memory_bytes: int
    behind: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeState:
    """The edge of this machine. ``certificates`` are those that Envoy has taken, by host."""

    envoys: int
    hosts: int
    certificates: int
    acknowledged: int
    rejected: int
    acknowledged_at: datetime | None
    behind: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolState:
    """The durable log. ``oldest_at`` is None when it is empty; ``held``: sources on their shelf."""

    groups: int
    size_bytes: int
    max_bytes: int
    oldest_at: datetime | None
    disk_free_bytes: int
    min_free_bytes: int
    held: tuple[int, ...]  # numbers of sources


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineState:
    """All of it. ``missing`` are roles that should run and do not; None where it cannot be known.

    ``edge`` is None where no edge runs here, ``spool`` while the log does not answer.
    """

    version: str
    processes: Sequence[ProcessState]
    missing: Sequence[str] | None
    edge: EdgeState | None
    spool: SpoolState | None


class Machine(Protocol):
    """The machine that control runs on. Methods read files and sockets: call them in a thread."""

    def look(self, *, now: datetime) -> MachineState:
        """What runs. MUST NOT raise for what does not answer."""
        ...

    def list_versions(self) -> Sequence[str]:
        """Versions of Analytics.js that can be served, the newest first."""
        ...

    def find_own_version(self) -> str:
        """The version that comes with this installation and is there after each start, or ""."""
        ...

    def install_version(self, version: str) -> str:
        """Install this version (or ``latest``) from npm; the one that it is. Raises Refused."""
        ...

    def remove_version(self, version: str) -> None:
        """Serve this version no more; its chunks stay, for pages that have them in memory."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionView:
    """A version: how many sources have it as their own, and whether all others get it."""

    version: str
    pinned: int
    is_default: bool
    is_own: bool


def list_usage(
    store: Store, caller: Caller, *, part: str = "", after: str = "", limit: int = 100
) -> list[WorkspaceUsage]:
    """The workspaces with what they use, by id from after a cursor. Raises Forbidden."""
    require_operator(caller)
    with store.read() as connection:
        return usage.list_usage(connection, part=part, after=after, limit=limit)


def show_machine(machine: Machine | None, caller: Caller, *, now: datetime) -> MachineState:
    """What runs on this machine. Raises Forbidden, Unavailable."""
    require_operator(caller)
    return _required(machine).look(now=now)


def list_versions(store: Store, machine: Machine | None, caller: Caller) -> list[VersionView]:
    """The versions of Analytics.js, the newest first. Raises Forbidden, Unavailable."""
    require_operator(caller)
    found, own = _required(machine).list_versions(), _required(machine).find_own_version()
    with store.read() as connection:
        pinned = usage.count_pinned(connection)
    return [
        VersionView(
            version=version,
            pinned=pinned.get(version, 0),
            is_default=at == 0,
            is_own=version == own,
        )
        for at, version in enumerate(found)
    ]


def install_version(
    store: Store, machine: Machine | None, caller: Caller, version: str, *, now: datetime
) -> str:
    """Install a version from npm; the one that it is. Raises Forbidden, Refused, Unavailable."""
    require_operator(caller)
    installed = _required(machine).install_version(version.strip() or "latest")
    _note(store, caller, "library.installed", installed, now)
    return installed


def remove_version(
    store: Store, machine: Machine | None, caller: Caller, version: str, *, now: datetime
) -> None:
    """Serve a version no more that nobody needs. Raises Forbidden, NotFound, Conflict."""
    views = list_versions(store, machine, caller)
    view = next((one for one in views if one.version == version), None)
    if view is None:
        raise NotFound("version", version)
    if view.is_own:
        raise Conflict(
            "version-in-use",
            f"{version} comes with this installation (its node_modules) and would be back after "
            "the next start: install another version there instead.",
        )
    if view.pinned:
        raise Conflict(
            "version-in-use",
            f"{view.pinned} sources have {version} as their own version: change them first.",
        )
    if len(views) == 1:
        raise Conflict("version-in-use", f"{version} is the only one: install another one first.")
    _required(machine).remove_version(version)
    _note(store, caller, "library.removed", version, now)


def _note(store: Store, caller: Caller, action: str, version: str, now: datetime) -> None:
    with store.write() as connection:
        add_audit(
            connection,
            at=now,
            workspace_id=None,
            actor=caller.actor,
            action=action,
            subject=version,
            detail={},
        )


def _required(machine: Machine | None) -> Machine:
    if machine is None:
        raise Unavailable(
            "This runs without the rest of the product: nothing can be looked at.",
            retry_after=_RETRY_AFTER,
        )
    return machine
