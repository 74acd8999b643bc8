"""``firstparty audit``."""

from itertools import islice
from typing import Annotated

import typer

from firstparty.cli.client import Client
from firstparty.cli.options import AsJson, InWorkspace
from firstparty.cli.output import print_json, print_table


def audit(
    *,
    actor: Annotated[str, typer.Option(metavar="ACTOR", help="Only theirs: person:per_….")] = "",
    action: Annotated[
        str, typer.Option(metavar="ACTION", help="Only these: domain.paused, or all of domain.")
    ] = "",
    subject: Annotated[str, typer.Option(metavar="ID", help="Only of this thing.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="The most entries.")] = 50,
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="Of the whole installation; for operators.")
    ] = False,
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Who changed what, newest first."""
    client = Client.of_environment()
    query: dict[str, str | None] = {"actor": actor, "action": action, "subject": subject}
    query |= {"everywhere": "true"} if everywhere else {"workspace": workspace or client.workspace}
    found = list(islice(client.list_all("audit", **query), limit))
    if as_json:
        print_json(found)
        return
    print_table(
        ("AT", "WHO", "ACTION", "WHAT", "DETAIL"),
        (
            (
                one["at"][:19].replace("T", " "),
                one["label"] or one["actor"],
                one["action"],
                one["subject"],
                ", ".join(f"{name}: {value}" for name, value in one["detail"].items()),
            )
            for one in found
        ),
        empty="Nothing was changed here yet.",
    )
