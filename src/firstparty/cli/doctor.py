"""``firstparty doctor``."""

from typing import Annotated, Any, Final

import typer

from firstparty.cli.client import Client
from firstparty.cli.domain_find import find_domain
from firstparty.cli.errors import ExitCode
from firstparty.cli.options import AsJson, InWorkspace
from firstparty.cli.output import print_json_line, print_line

_CODES: Final = {"fail": ExitCode.FAILING, "warn": ExitCode.WARNING}
_STYLES: Final = {"pass": "green", "warn": "yellow", "fail": "red", "unknown": "dim"}


def doctor(
    what: Annotated[
        str, typer.Argument(metavar="NAME|URL", help="A domain, its id, or an address: https://…")
    ],
    *,
    message: Annotated[
        bool, typer.Option("--message", help="Send a test message too; it goes upstream.")
    ] = False,
    browser: Annotated[
        bool, typer.Option("--browser", help="Open the page in a headless Chromium too.")
    ] = False,
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> int:
    """Look at everything at once, and say what is wrong and what to change.

    A domain: DNS, certificate, edge, hosts, messages. An address: a site's snippets and policy, or
    a custom proxy. Exits 0 if all is well, 1 if something fails, 2 on a warning.
    """
    client = Client.of_environment()
    status = "pass"
    for event in _ask(client, what, workspace, message=message, browser=browser):
        if as_json:
            print_json_line(event)
        elif "check" in event:
            _print_result(event)
        status = event.get("status", status)
    if not as_json:
        print_line(f"\n{status}", style=_STYLES[status])
    return _CODES.get(status, ExitCode.GOOD)


def _ask(client: Client, what: str, workspace: str | None, *, message: bool, browser: bool) -> Any:
    if "://" in what:
        home = workspace or client.workspace
        return client.stream(
            "doctor", url=what, workspace=home, browser="true" if browser else None
        )
    domain = find_domain(client, what, workspace)
    return client.stream("domains", domain["id"], "doctor", message="true" if message else None)


def _print_result(event: dict[str, Any]) -> None:
    verdict = event["verdict"]
    print_line(f"{verdict:7}  {event['check']:12}  {event['sentence']}", style=_STYLES[verdict])
    if event["fix"]:
        print_line(f"         {'':12}  fix: {event['fix']}")
    for line in event["lines"]:
        print_line(f"         {'':12}    {line}")
    for line in event["evidence"]:
        print_line(f"         {'':12}  seen: {line}", style="dim")
