"""Arguments and options that several commands have."""

from typing import Annotated

import typer

Which = Annotated[str, typer.Argument(metavar="NAME|ID", help="The subdomain, or its id: dom_…")]
SourceId = Annotated[str, typer.Argument(metavar="ID", help="The source's id: src_…")]
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
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
