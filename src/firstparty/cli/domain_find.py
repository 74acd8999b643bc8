"""The domain that a command is about, by its name or its id."""

from typing import Any

from firstparty.cli.client import Client
from firstparty.cli.errors import CommandFailed


def find_domain(client: Client, which: str, workspace: str | None) -> dict[str, Any]:
    """The domain with this id or this name."""
    if which.startswith("dom_"):
        found: dict[str, Any] = client.get("domains", which)
        return found
    page = client.get("domains", workspace=workspace or client.workspace, name=which)
    for domain in page["items"]:
        one: dict[str, Any] = domain
        return one
    raise CommandFailed(f"There is no domain {which!r} here: firstparty domains list shows them.")
