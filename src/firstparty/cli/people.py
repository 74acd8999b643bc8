"""``firstparty people``."""

from typing import Annotated, Any

import typer

from firstparty.cli.client import Client
from firstparty.cli.confirmation import confirm
from firstparty.cli.errors import CommandFailed
from firstparty.cli.options import AsJson, InWorkspace, Yes
from firstparty.cli.output import print_facts, print_json, print_line, print_table
from firstparty.model.workspaces import Role

app = typer.Typer(help="Who may do what in a workspace.", no_args_is_help=True)
Whom = Annotated[str, typer.Argument(metavar="EMAIL|ID", help="The address, or the id: per_…")]
Everywhere = Annotated[
    bool, typer.Option("--everywhere", help="Of the whole installation; for operators.")
]


@app.command("list")
def list_(
    *, everywhere: Everywhere = False, workspace: InWorkspace = None, as_json: AsJson = False
) -> None:
    """The members of the workspace, and who is invited."""
    client = Client.of_environment()
    query = _query(client, workspace, everywhere=everywhere)
    found = list(client.list_all("people", **query))
    if as_json:
        print_json(found)
        return
    print_table(
        ("ID", "E-MAIL", "ROLE", "SINCE"),
        ((one["id"], one["email"], _role_of(one), one["created_at"][:10]) for one in found),
        empty="Nobody is a member yet: firstparty people invite EMAIL",
    )


@app.command()
def invite(
    email: Annotated[str, typer.Argument(help="Whom.")],
    *,
    role: Annotated[Role, typer.Option(help="What they may do.")] = Role.EDITOR,
    operator: Annotated[
        bool, typer.Option("--operator", help="As an operator, who may do everything everywhere.")
    ] = False,
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Invite somebody. The link that is printed works once, for a week: send it to them."""
    client = Client.of_environment()
    body: dict[str, Any] = {"email": email, "role": role, "everywhere": operator}
    if not operator:
        body["workspace_id"] = workspace or client.workspace
    made = client.post("invitations", body=body)
    made["url"] = client.url + made.pop("path")
    if as_json:
        print_json(made)
        return
    print_facts((("invitation", made["id"]), ("for", made["email"]), ("link", made["url"])))
    print_line("Send the link now: it cannot be shown again.", style="yellow")


@app.command()
def invitations(
    *, everywhere: Everywhere = False, workspace: InWorkspace = None, as_json: AsJson = False
) -> None:
    """The invitations that nobody has taken yet."""
    client = Client.of_environment()
    query = _query(client, workspace, everywhere=everywhere)
    found = list(client.list_all("invitations", **query))
    if as_json:
        print_json(found)
        return
    print_table(
        ("ID", "E-MAIL", "ROLE", "UNTIL"),
        ((one["id"], one["email"], one["role"], one["expires_at"][:10]) for one in found),
        empty="No invitation is open.",
    )


@app.command()
def withdraw(
    invitation_id: Annotated[str, typer.Argument(metavar="ID", help="As in the list: inv_…")],
    *,
    as_json: AsJson = False,
) -> None:
    """End an invitation."""
    ended = Client.of_environment().delete("invitations", invitation_id)
    if as_json:
        print_json(ended)
    else:
        print_line(f"The invitation of {ended['email'] or 'the first operator'} is withdrawn.")


@app.command()
def role(
    whom: Whom,
    role: Annotated[Role, typer.Argument(help="From now on.")],
    *,
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Give a member another role."""
    client = Client.of_environment()
    query = _query(client, workspace, everywhere=False)
    person = _find(client, whom, query)
    changed = client.patch("people", person["id"], body={"role": role}, **query)
    if as_json:
        print_json(changed)
    else:
        print_line(f"{changed['email']} is {changed['role']} now.")


@app.command()
def remove(
    whom: Whom,
    *,
    everywhere: Everywhere = False,
    yes: Yes = False,
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Take somebody out of the workspace at once; --everywhere: remove their account."""
    client = Client.of_environment()
    query = _query(client, workspace, everywhere=everywhere)
    person = _find(client, whom, query)
    what = "their account is gone" if everywhere else "they lose their role here"
    confirm(f"{person['email']} is signed out and {what}. Remove?", yes=yes)
    removed = client.delete("people", person["id"], **query)
    if as_json:
        print_json(removed)
    else:
        print_line(f"{removed['email']} is removed.")


@app.command("reset-password")
def reset_password(whom: Whom, *, as_json: AsJson = False) -> None:
    """Give somebody a new password and end their sessions. Needs an operator's token."""
    client = Client.of_environment()
    person = _find(client, whom, {"everywhere": "true"})
    made = client.post("people", person["id"], "reset-password")
    if as_json:
        print_json(made)
        return
    print_facts((("e-mail", person["email"]), ("password", made["password"])))
    print_line("Tell it to them now: it cannot be shown again.", style="yellow")


def _query(client: Client, workspace: str | None, *, everywhere: bool) -> dict[str, str | None]:
    return {"everywhere": "true"} if everywhere else {"workspace": workspace or client.workspace}


def _find(client: Client, whom: str, query: dict[str, str | None]) -> dict[str, Any]:
    wanted = whom.strip().lower()
    for person in client.list_all("people", **query):
        if wanted in {person["id"].lower(), person["email"]}:
            found: dict[str, Any] = person
            return found
    raise CommandFailed(f"There is nobody {whom!r} here: firstparty people list shows who is.")


def _role_of(person: dict[str, Any]) -> str:
    return "operator" if person["is_operator"] else person["role"] or ""
