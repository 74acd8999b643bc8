"""``firstparty sources restore`` and ``firstparty sources rollout``."""

import sys
from typing import Annotated, Any

import typer

from firstparty.cli.client import Client
from firstparty.cli.options import AsJson, SourceId
from firstparty.cli.output import print_json, print_line


def restore(
    source_id: SourceId,
    *,
    undo: Annotated[bool, typer.Option("--undo", help="Everybody onto the domain again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send everything that follows the script back to the default hosts, from the next load on."""
    client = Client.of_environment()
    if undo:
        found = client.put("sources", source_id, "rollout", body={"share": 100})
    else:
        found = client.post("sources", source_id, "restore", body={})
    _print(found, as_json=as_json)


def rollout(
    source_id: SourceId,
    share: Annotated[
        int | None,
        typer.Argument(metavar="[PERCENT]", min=0, max=100, help="Of visitors, onto the domain."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Say how many visitors are on the domain, or have this share of them on it."""
    client = Client.of_environment()
    if share is None:
        found = client.get("sources", source_id, "rollout")
    else:
        found = client.put("sources", source_id, "rollout", body={"share": share})
    _print(found, as_json=as_json)


def _print(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    default = f"{found['default_cdn']} and {found['default_api']}"
    if found["is_switchable"]:
        others = "nobody" if found["share"] == 100 else f"{100 - found['share']} % of visitors"  # noqa: PLR2004 - percent
        print_line(f"{found['share']} % of visitors are on the domain, {others} on {default}.")
        print_line("The script's own address is in your pages. To give up that too, change:")
    else:
        print_line(f"The hosts are an option in your own code. Back to {default}:")
    for line in found["lines"]:
        # Not through a console: this is code, byte for byte.
        sys.stdout.write(f"  {line['form']}:\n    - {line['now']}\n    + {line['then']}\n")
