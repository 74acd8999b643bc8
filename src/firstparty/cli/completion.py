"""Completion of commands for a shell that is named, where none can be detected."""

from enum import StrEnum
from typing import Annotated

import typer
from typer.completion import shell_complete


class Shell(StrEnum):
    """The shells that can be taught."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    POWERSHELL = "powershell"


def completion(
    ctx: typer.Context,
    shell: Annotated[Shell, typer.Argument(help="The shell that is to learn the commands.")],
) -> None:
    """Print the script that teaches a shell the commands, for its start-up file.

    ``--install-completion`` does it for the shell that it is called from. A package or a container
    file has none: it calls this.
    """
    root = ctx.find_root()
    name = root.info_name or "firstparty"
    variable = f"_{name.replace('-', '_').upper()}_COMPLETE"
    raise typer.Exit(shell_complete(root.command, {}, name, variable, f"source_{shell}"))
