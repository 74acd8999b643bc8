"""``firstparty domains roll-key``."""

from typing import Annotated

import typer

from firstparty.cli.client import Client
from firstparty.cli.domain_find import find_domain
from firstparty.cli.domain_text import print_domain
from firstparty.cli.options import AsJson, InWorkspace
from firstparty.cli.output import print_json


def roll_key(
    which: Annotated[
        str, typer.Argument(metavar="NAME|ID", help="The subdomain, or its id: dom_…")
    ],
    *,
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Replace the key that the domain's zone is signed with; `show` says how far that is."""
    client = Client.of_environment()
    domain = find_domain(client, which, workspace)
    found = client.post("domains", domain["id"], "key-roll")
    if as_json:
        print_json(found)
    else:
        print_domain(found)
