"""The folders an installation needs, made with the right owner and mode before anything starts."""

import fcntl
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

import firstparty
from firstparty.config.addresses import ConfigError
from firstparty.config.settings import Settings
from firstparty.serve.processes import Role


def prepare_directories(settings: Settings) -> None:
    """Make the state and run directories, mode 0700. Raises ConfigError with the reason.

    The run directory may lie in a folder that others write to: one that is not ours, or open to
    others, is refused, since whoever owns it could take our sockets' place.
    """
    for directory in (settings.state_directory, settings.run_directory):
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ConfigError(f"state: cannot make {directory}: {error.strerror}") from error
    _check_is_ours(settings.run_directory)


def _check_is_ours(directory: Path) -> None:
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise ConfigError(f"state: {directory} belongs to somebody else; remove it")
    directory.chmod(0o700)


def lock_roles(settings: Settings, roles: Iterable[Role]) -> list[TextIO]:
    """Take the lock of each role in this state directory; closing the files gives them back.

    Two supervisors of one role would take each other's sockets. Roles of their own supervisors may
    share a state directory. Raises ConfigError naming the process that runs the role.
    """
    taken: list[TextIO] = []
    for role in roles:
        lock = (settings.run_directory / f"{role}.lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            holder = lock.read().strip()
            for each in (*taken, lock):
                each.close()
            raise ConfigError(
                f"state: {role} of {settings.state_directory} is run by process {holder} already"
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        taken.append(lock)
    return taken


def find_npm_packages(settings: Settings) -> Path:
    """The ``node_modules`` with Analytics.js: as set, else here, else beside the source tree."""
    if settings.cdn.npm:
        return Path(settings.cdn.npm)
    here = Path.cwd() / "node_modules"
    return here if here.is_dir() else Path(firstparty.__file__).parents[2] / "node_modules"
