"""What ends a command: one sentence for a person, and an exit code for a script."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What scripts outside this repository rely on."""

    GOOD = 0
    FAILING = 1
    WARNING = 2
    USAGE = 64  # EX_USAGE of sysexits.h


class CommandFailed(Exception):
    """The command cannot do what it was told to; the message is one sentence with what to do."""
