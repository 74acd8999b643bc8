"""``firstparty workspaces``."""

from typing import Annotated

import typer

from firstparty.cli.client import Client
from firstparty.cli.options import AsJson
from firstparty.cli.output import print_facts, print_json, print_table
from firstparty.model.domains import Mode

app = typer.Typer(help="Tenants of this installation.", no_args_is_help=True)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What people call it.")], *, as_json: AsJson = False
) -> None:
    """Make a workspace. Needs an operator's token."""
    workspace = Client.of_environment().post("workspaces", body={"name": name})
    if as_json:
        print_json(workspace)
    else:
        print_facts((("workspace", workspace["id"]), ("name", workspace["name"])))


@app.command()
def plan(
    workspace_id: Annotated[str, typer.Argument(metavar="ID", help="The workspace: wsp_…")],
    *,
    mode: Annotated[
        list[Mode] | None, typer.Option(help="A mode that its domains may have; none given: all.")
    ] = None,
    max_domains: Annotated[
        int | None, typer.Option(metavar="N", help="How many it may have; not given: no limit.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Set what a workspace may use. Needs an operator's token."""
    body = {"modes": mode or None, "max_domains": max_domains}
    workspace = Client.of_environment().put("workspaces", workspace_id, "plan", body=body)
    if as_json:
        print_json(workspace)
        return
    limit = workspace["plan"]["max_domains"]
    print_facts(
        (
            ("workspace", workspace["id"]),
            ("modes", ", ".join(workspace["plan"]["modes"] or ["all"])),
            ("domains", "no limit" if limit is None else f"at most {limit}"),
        )
    )


@app.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """The workspaces that you see."""
    workspaces = list(Client.of_environment().list_all("workspaces"))
    if as_json:
        print_json(workspaces)
        return
    print_table(
        ("ID", "NAME", "SINCE"),
        ((one["id"], one["name"], one["created_at"][:10]) for one in workspaces),
        empty="There is no workspace yet: firstparty workspaces add NAME",
    )
