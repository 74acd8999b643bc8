"""A machine that runs what it is told, and versions of Analytics.js in memory."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from firstparty.control.machine import EdgeState, MachineState, ProcessState, SpoolState
from firstparty.errors import Refused


class MachineInMemory:
    """See control.machine.Machine. ``missing`` are the roles that do not run."""

    def __init__(self) -> None:
        self.missing: Sequence[str] | None = ()
        self.is_log_away = False
        self.versions = ["1.84.3", "1.81.0", "1.70.0"]

    def look(self, *, now: datetime) -> MachineState:
        names = ("ads", "cdn+forward", "control+reconciler+alerts", "ingest", "nameserver")
        edge = EdgeState(
            envoys=1,
            hosts=20_004,
            certificates=1_312,
            acknowledged=2_931,
            rejected=0,
            acknowledged_at=now - timedelta(minutes=2),
            behind=0,
        )
        spool = SpoolState(
            groups=18_204,
            size_bytes=1_400_000_000,
            max_bytes=10_000_000_000,
            oldest_at=now - timedelta(hours=3),
            disk_free_bytes=81_000_000_000,
            min_free_bytes=256_000_000,
            held=(3, 9),
        )
        return MachineState(
            version="0.1.0",
            processes=[
                ProcessState(
                    name=name,
                    started_at=now - timedelta(days=3),
                    cpu_seconds=at * 320.5 + 12,
                    max_memory_bytes=(at + 2) * 41_000_000,
                    behind=None if "control" in name else 0,
                )
                for at, name in enumerate(names)
            ],
            missing=self.missing,
            edge=edge,
            spool=None if self.is_log_away else spool,
        )

    def list_versions(self) -> Sequence[str]:
        return self.versions

    def find_own_version(self) -> str:
        return "1.81.0"

    def install_version(self, version: str) -> str:
        if version == "9.9.9":
            raise Refused("npm-failed", "npm view @segment/analytics-next@9.9.9: no match")
        installed = "1.90.0" if version == "latest" else version
        self.versions = [installed, *self.versions]
        return installed

    def remove_version(self, version: str) -> None:
        self.versions = [one for one in self.versions if one != version]
