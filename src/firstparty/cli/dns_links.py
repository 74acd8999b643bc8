"""``firstparty domains dns-link``."""

from typing import Annotated

import typer

from firstparty.cli.client import Client
from firstparty.cli.domain_find import find_domain
from firstparty.cli.options import AsJson, InWorkspace, Which
from firstparty.cli.output import print_json, print_line, print_table


def dns_link(
    which: Which,
    *,
    days: Annotated[int, typer.Option(help="How long it works.")] = 14,
    list_all: Annotated[bool, typer.Option("--list", help="Show the links that there are.")] = (
        False
    ),
    revoke: Annotated[str | None, typer.Option(metavar="ID", help="End this link.")] = None,
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Make a read-only page of the records for whoever adds them; shown once."""
    client = Client.of_environment()
    path = ("domains", find_domain(client, which, workspace)["id"], "dns-links")
    if list_all:
        links = client.get(*path)
        if as_json:
            print_json(links)
            return
        print_table(
            ("ID", "MADE", "WORKS UNTIL", "OPEN"),
            (
                (
                    one["id"],
                    one["created_at"][:16],
                    one["expires_at"][:16],
                    "yes" if one["is_open"] else "no",
                )
                for one in links
            ),
            empty="There is no link yet.",
        )
        return
    link = client.delete(*path, revoke) if revoke else client.post(*path, body={"days": days})
    if as_json:
        print_json(link)
    elif revoke:
        print_line(f"{link['id']} works no more.")
    else:
        print_line(link["url"])
