"""The folders an installation needs, made with the right owner and mode before anything starts."""

import os
import stat
from pathlib import Path

from firstparty.config import ConfigError, Settings


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
