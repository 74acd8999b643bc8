"""``firstparty serve`` and ``firstparty demo``.

What they start is imported when they are called: the other commands do not pay for it.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings, one TOML file.", dir_okay=False),
]
Roles = Annotated[
    list[str] | None, typer.Argument(metavar="[ROLE]...", help="Roles to run; all if unsaid.")
]


class Authority(StrEnum):
    """Who issues the demo's certificate."""

    LOCAL = "local"
    PEBBLE = "pebble"


def serve(*, config: ConfigFile = None, roles: Roles = None) -> int:
    """Run the product, or some of its roles, until it is told to stop."""
    from firstparty.serve.command import run_serve  # noqa: PLC0415 - see above

    return run_serve(config=config, roles=tuple(roles or ()))


def demo(
    *,
    state: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the demo keeps everything.")
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Leave after the story: 0 if all of it came true.")
    ] = False,
    authority: Annotated[
        Authority, typer.Option("--ca", help="Who issues the certificate.")
    ] = Authority.LOCAL,
) -> int:
    """Show the whole product on this machine, with the outside world played on loopback."""
    from firstparty.demo.command import run_demo  # noqa: PLC0415 - see above

    return run_demo(state=state, once=once, authority=authority)
