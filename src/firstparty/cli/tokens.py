"""``firstparty tokens``."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from firstparty.cli.client import Client
from firstparty.cli.options import AsJson, InWorkspace
from firstparty.cli.output import print_facts, print_json, print_line, print_table
from firstparty.model.workspaces import Role

app = typer.Typer(help="API tokens.", no_args_is_help=True)
Everywhere = Annotated[bool, typer.Option(help="An operator's token, for all workspaces.")]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    *,
    role: Annotated[Role, typer.Option(help="What it may do.")] = Role.EDITOR,
    days: Annotated[int | None, typer.Option(min=1, max=36_500, help="Expires after.")] = None,
    everywhere: Everywhere = False,
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Make a token. Its secret is printed now and cannot be shown again."""
    client = Client.of_environment()
    body: dict[str, Any] = {"name": name, "role": role, "everywhere": everywhere}
    if not everywhere:
        body["workspace_id"] = workspace or client.workspace
    if days is not None:
        body["expires_at"] = (datetime.now(UTC) + timedelta(days=days)).isoformat()
    token = client.post("tokens", body=body)
    if as_json:
        print_json(token)
        return
    print_facts((("token", token["token"]), ("id", token["id"]), ("role", token["role"])))
    print_line("Keep the token now: it cannot be shown again.", style="yellow")


@app.command("list")
def list_(
    *, everywhere: Everywhere = False, workspace: InWorkspace = None, as_json: AsJson = False
) -> None:
    """The tokens of the workspace, without their secrets."""
    client = Client.of_environment()
    query = {"everywhere": "true"} if everywhere else {"workspace": workspace or client.workspace}
    tokens = list(client.list_all("tokens", **query))
    if as_json:
        print_json(tokens)
        return
    print_table(
        ("ID", "NAME", "ROLE", "STATE"),
        ((one["id"], one["name"], one["role"], _state_of(one)) for one in tokens),
        empty="There is no token here: firstparty tokens add NAME",
    )


@app.command()
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="As in the list: tok_…")],
    *,
    as_json: AsJson = False,
) -> None:
    """End a token at once."""
    token = Client.of_environment().delete("tokens", token_id)
    if as_json:
        print_json(token)
    else:
        print_line(f"{token['id']} ({token['name']}) is revoked.")


def _state_of(token: dict[str, Any]) -> str:
    if token["revoked_at"]:
        return f"revoked {token['revoked_at'][:10]}"
    return f"until {token['expires_at'][:10]}" if token["expires_at"] else "valid"
