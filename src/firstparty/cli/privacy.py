"""``firstparty sources privacy``."""

from typing import Annotated, Any

import typer

from firstparty.cli.client import Client
from firstparty.cli.options import AsJson, SourceId
from firstparty.cli.output import print_facts, print_json
from firstparty.model.privacy import IpRule


def privacy(  # noqa: PLR0913 - one parameter for each option
    source_id: SourceId,
    *,
    ip: Annotated[IpRule | None, typer.Option(help="The visitor's address.")] = None,
    gpc: Annotated[
        bool | None, typer.Option("--gpc/--no-gpc", help="Keep nothing sent with Sec-GPC: 1.")
    ] = None,
    dnt: Annotated[
        bool | None, typer.Option("--dnt/--no-dnt", help="Keep nothing sent with DNT: 1.")
    ] = None,
    consent: Annotated[
        list[str] | None,
        typer.Option(metavar="CATEGORY", help="Keep only what has this consent; repeat for more."),
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH", help="A field to drop: properties.email; repeat for more."),
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Begin with no rules.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show or change what may be kept of a source's messages; what is not said stays."""
    client = Client.of_environment()
    said = {
        "ip": ip,
        "honour_gpc": gpc,
        "honour_dnt": dnt,
        "consent": consent or None,
        "drop_fields": drop or None,
    }
    change = {name: value for name, value in said.items() if value is not None}
    source = client.get("sources", source_id)
    if change or reset:
        rules = ({} if reset else source["privacy"]) | change
        source = client.patch("sources", source_id, body={"privacy": rules})
    rules = source["privacy"]
    if as_json:
        print_json(rules)
    else:
        print_facts(_describe(rules))


def _describe(rules: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("address", rules["ip"]),
        ("Sec-GPC: 1", "dropped" if rules["honour_gpc"] else "kept"),
        ("DNT: 1", "dropped" if rules["honour_dnt"] else "kept"),
        ("needs consent", ", ".join(rules["consent"]) or "no"),
        ("drops", ", ".join(rules["drop_fields"]) or "no field"),
    ]
