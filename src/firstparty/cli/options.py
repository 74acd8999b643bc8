"""Options that several commands have."""

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
InWorkspace = Annotated[
    str | None,
    typer.Option(
        "--workspace",
        metavar="ID",
        envvar="FIRSTPARTY_WORKSPACE",
        help="The workspace; not needed where you see just one.",
    ),
]
Watch = Annotated[
    bool,
    typer.Option(
        "--watch", "--wait", help="Go on showing what changes, until it is live or failing."
    ),
]
