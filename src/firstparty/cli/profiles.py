"""``firstparty profiles``: products elsewhere, by name, each with its token."""

import os
import sys
from getpass import getpass
from pathlib import Path
from typing import Annotated

import typer

from firstparty.cli.connection import CHOICE, Connection, find_connection, load_profile
from firstparty.cli.errors import CommandFailed
from firstparty.cli.options import AsJson
from firstparty.cli.output import print_json, print_line, print_table
from firstparty.serve.profile import is_profile_name, profile_file, write_profile

app = typer.Typer(help="Products elsewhere, by name.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME", help="Letters, digits and dashes.")]


@app.command()
def add(
    name: Name,
    url: Annotated[str, typer.Argument(help="The console's address: https://console.…")],
    *,
    workspace: Annotated[
        str | None, typer.Option(metavar="ID", help="The workspace to speak about.")
    ] = None,
) -> None:
    """Keep a product's address and token. The token is asked for, or read from standard input.

    It is tried before it is kept; only you can read the file.
    """
    _require_name(name)
    token = getpass("Token (fp_…): ") if sys.stdin.isatty() else sys.stdin.readline()
    environment = {"FIRSTPARTY_URL": url, "FIRSTPARTY_TOKEN": token.strip()}
    connection = find_connection(environment, profile_file(name))
    _try(connection)
    file = write_profile(url=connection.url, token=connection.token, name=name, workspace=workspace)
    print_line(f"{file} is written: firstparty --profile {name} domains list")


@app.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """The profiles of this machine, without their tokens; `default` is the one of serve."""
    files = {"default": profile_file(), **_named()}
    found = [
        {"name": name, "url": load_profile(file).get("url", "")}
        for name, file in files.items()
        if file.exists()
    ]
    if as_json:
        print_json(found)
        return
    print_table(
        ("NAME", "URL"),
        ((one["name"], one["url"]) for one in found),
        empty="There is no profile yet: firstparty profiles add NAME URL",
    )


@app.command()
def remove(name: Name) -> None:
    """Forget a profile. Its token goes on working: revoke it too."""
    _require_name(name)
    file = profile_file(name)
    if not file.exists():
        raise _unknown(name)
    file.unlink()
    print_line(f"{name} is forgotten. Its token still works: firstparty tokens revoke ID.")


def choose_profile(name: str | None) -> None:
    """Have the commands of this process use the profile of this name; raises CommandFailed."""
    name = name or os.environ.get(CHOICE)
    if not name:
        return
    _require_name(name)
    if not profile_file(name).exists():
        raise _unknown(name)
    os.environ[CHOICE] = name


def _named() -> dict[str, Path]:
    folder = profile_file("x").parent
    return {file.stem: file for file in sorted(folder.glob("*.json"))} if folder.is_dir() else {}


def _try(connection: Connection) -> None:
    from firstparty.cli.client import Client  # noqa: PLC0415 - as other commands load it

    Client(connection).get("workspaces", limit=1)


def _require_name(name: str) -> None:
    if not is_profile_name(name):
        raise CommandFailed(f"{name!r} is no name of a profile: use letters, digits and dashes.")


def _unknown(name: str) -> CommandFailed:
    return CommandFailed(f"There is no profile {name!r}: firstparty profiles list shows them.")
