"""``firstparty sources alias``."""

from typing import Annotated

import typer

from firstparty.cli.client import Client
from firstparty.cli.options import AsJson, SourceId
from firstparty.cli.output import print_json, print_line


def alias(
    source_id: SourceId,
    *,
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Give it a new one; the old one is served too.")
    ] = False,
    drop: Annotated[bool, typer.Option("--drop-old", help="Serve the old one no more.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a source's alias, give it a new one, or drop the one before."""
    if rotate and drop:
        raise typer.BadParameter("one at a time", param_hint="--rotate or --drop-old")
    client = Client.of_environment()
    if rotate:
        source = client.post("sources", source_id, "alias", body={})
    elif drop:
        source = client.delete("sources", source_id, "alias")
    else:
        source = client.get("sources", source_id)
    if as_json:
        print_json(source)
        return
    print_line(f"alias: {source['alias_url'] or source['alias']}")
    if source["old_alias"]:
        print_line(f"still served too: /{source['old_alias']}.min.js; --drop-old ends that")
