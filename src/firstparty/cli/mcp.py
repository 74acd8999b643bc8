"""``firstparty mcp``."""

from typing import Annotated

import typer

from firstparty.cli.client import Client
from firstparty.cli.errors import CommandFailed


def mcp(
    *,
    write: Annotated[
        bool, typer.Option("--write", help="Offer tools that change something, too.")
    ] = False,
) -> None:
    """Serve the Model Context Protocol to an assistant, on standard input and output.

    It sees and does what the token in use may, and changes nothing unless told with --write.
    """
    try:
        from firstparty.mcp.server import build_server  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise CommandFailed(
            f"The package {error.name} is missing: pip install 'firstparty[mcp]'."
        ) from error
    client = Client.of_environment()
    build_server(client, may_write=write, refused=CommandFailed).run("stdio")
