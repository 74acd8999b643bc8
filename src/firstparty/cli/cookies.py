"""``firstparty domains cookies``."""

from typing import Annotated

import typer

from firstparty.cli.client import Client
from firstparty.cli.domain_find import find_domain
from firstparty.cli.options import AsJson, InWorkspace, Which
from firstparty.cli.output import print_json, print_line


def cookies(
    which: Which,
    *,
    site: Annotated[
        str | None, typer.Option(metavar="HOST", help="Of the site's pages; www.… if unsaid.")
    ] = None,
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Say which of Safari's rules for cookies applies to the domain's hosts, in plain words."""
    client = Client.of_environment()
    found = client.get("domains", find_domain(client, which, workspace)["id"], "cookies", site=site)
    if as_json:
        print_json(found)
        return
    for host in found["hosts"]:
        print_line(f"{host['host']}: {host['rule']}\n  {host['sentence']}")
    for note in found["notes"]:
        print_line(note)
