"""``firstparty sources secret``."""

from typing import Annotated, Any

import typer

from firstparty.cli.client import Client
from firstparty.cli.options import AsJson, SourceId
from firstparty.cli.output import print_json, print_line


def secret(
    source_id: SourceId,
    *,
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Make a new one; the old one goes on signing too.")
    ] = False,
    drop: Annotated[bool, typer.Option("--drop-old", help="Sign with the new one alone.")] = False,
    as_json: AsJson = False,
) -> None:
    """Give a webhook upstream another secret for our signatures, or end the overlap."""
    if rotate == drop:
        raise typer.BadParameter("say one of the two", param_hint="--rotate or --drop-old")
    client = Client.of_environment()
    if drop:
        source = client.delete("sources", source_id, "webhook-secret")
    else:
        source = client.post("sources", source_id, "webhook-secret", body={})
    if as_json:
        print_json(source)
    elif drop:
        print_line("Requests are signed with the present secret alone.")
    else:
        print_secret(source)
        print_line("The one before signs too, until --drop-old.")


def print_secret(source: dict[str, Any]) -> None:
    """Tell people the secret, where one was just made."""
    if source.get("webhook_secret"):
        print_line(f"Check signatures with {source['webhook_secret']} (shown this once).")
