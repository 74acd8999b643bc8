"""``firstparty domains origins``."""

from typing import Annotated

import typer

from firstparty.cli.client import Client
from firstparty.cli.domain_find import find_domain
from firstparty.cli.options import AsJson, InWorkspace, Which
from firstparty.cli.output import print_json, print_line


def origins(
    which: Which,
    *,
    allow: Annotated[
        list[str] | None,
        typer.Option(metavar="ORIGIN", help="A page's origin; repeat for more. All anew."),
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="Allow no other site's pages.")] = False,
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Show or set which pages of other sites may send messages with credentials."""
    client = Client.of_environment()
    domain = find_domain(client, which, workspace)
    if allow or none:
        body = {"origins": allow or []}
        domain = client.put("domains", domain["id"], "credential-origins", body=body)
    found = domain["credential_origins"]
    if as_json:
        print_json(found)
    elif not found:
        print_line("Only pages of its own site may send with credentials.")
    for origin in () if as_json else found:
        print_line(origin)
