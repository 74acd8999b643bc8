"""``firstparty domains``."""

import sys
from typing import Annotated, Any

import typer

from firstparty.cli.client import Client
from firstparty.cli.domain_text import exit_code_of, print_domain
from firstparty.cli.errors import CommandFailed
from firstparty.cli.options import AsJson, InWorkspace
from firstparty.cli.output import print_json, print_line, print_table
from firstparty.cli.watch import watch_domain
from firstparty.model.domains import Mode
from firstparty.model.status import Word

app = typer.Typer(help="Customers' subdomains.", no_args_is_help=True)
Which = Annotated[str, typer.Argument(metavar="NAME|ID", help="The subdomain, or its id: dom_…")]
Watch = Annotated[
    bool, typer.Option("--watch", help="Go on showing what changes, until it is live or failing.")
]


@app.command()
def add(  # noqa: PLR0913 - one parameter for each option
    name: Annotated[str, typer.Argument(help="The subdomain, for example cdp.shop.com.")],
    *,
    source: Annotated[
        list[str], typer.Option(metavar="ID", help="A source to serve; the first a javascript one.")
    ],
    mode: Annotated[
        Mode, typer.Option(help="How the name points at us: a CNAME is second best.")
    ] = Mode.DELEGATION,
    cdn_label: Annotated[str, typer.Option(metavar="LABEL", help="Of the CDN host.")] = "evs",
    api_label: Annotated[str, typer.Option(metavar="LABEL", help="Of the API host.")] = "api",
    csp: Annotated[bool, typer.Option("--csp", help="The site has a CSP.")] = False,
    description: Annotated[str, typer.Option(help="For people.")] = "",
    watch: Watch = False,
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> int:
    """Ask for a domain, and print the records to add."""
    client = Client.of_environment()
    domain = client.post(
        "domains",
        body={
            "workspace_id": workspace or client.workspace,
            "name": name,
            "source_ids": source,
            "mode": mode,
            "cdn_label": cdn_label,
            "api_label": api_label,
            "has_csp": csp,
            "description": description,
        },
    )
    return _show(client, domain, watch=watch, as_json=as_json)


@app.command("list")
def list_(
    *,
    query: Annotated[
        str | None, typer.Option("--query", "-q", metavar="TEXT", help="Names with this in them.")
    ] = None,
    status: Annotated[Word | None, typer.Option(help="Those with this word.")] = None,
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """The domains of the workspace."""
    client = Client.of_environment()
    domains = list(
        client.list_all("domains", workspace=workspace or client.workspace, q=query, status=status)
    )
    if as_json:
        print_json(domains)
        return
    print_table(
        ("ID", "NAME", "STATUS", "SOURCES", "SINCE"),
        (
            (
                one["id"],
                one["name"],
                one["status"],
                ", ".join(source["name"] for source in one["sources"]),
                one["created_at"][:10],
            )
            for one in domains
        ),
        empty="There is no domain yet: firstparty domains add NAME --source ID",
    )


@app.command()
def show(
    which: Which, *, watch: Watch = False, workspace: InWorkspace = None, as_json: AsJson = False
) -> int:
    """One domain: records, statuses, findings. Exits 1 if it is failing, 2 on a warning."""
    client = Client.of_environment()
    return _show(client, _find(client, which, workspace), watch=watch, as_json=as_json)


@app.command()
def check(which: Which, *, workspace: InWorkspace = None, as_json: AsJson = False) -> int:
    """Look at the domain now, without waiting for the next look."""
    return _act("check", which, workspace, as_json=as_json)


@app.command()
def pause(which: Which, *, workspace: InWorkspace = None, as_json: AsJson = False) -> int:
    """Keep everything, do nothing, until it is resumed."""
    return _act("pause", which, workspace, as_json=as_json)


@app.command()
def resume(which: Which, *, workspace: InWorkspace = None, as_json: AsJson = False) -> int:
    """Go on after a pause."""
    return _act("resume", which, workspace, as_json=as_json)


@app.command()
def remove(
    which: Which,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Stop serving the domain for good. Its records prove nothing afterwards: delete them."""
    client = Client.of_environment()
    domain = _find(client, which, workspace)
    if not yes and sys.stdin.isatty():
        question = f"{domain['name']} stops being served, and its records stop working. Remove it?"
        typer.confirm(question, abort=True)
    removed = client.delete("domains", domain["id"])
    if as_json:
        print_json(removed)
        return
    print_line(f"{removed['name']} is {removed['status']}. Delete these records now:")
    for record in removed["records"]:
        print_line(f"  {record['name']} {record['ttl']} IN {record['type']} {record['value']}")


def _act(action: str, which: str, workspace: str | None, *, as_json: bool) -> int:
    client = Client.of_environment()
    domain = client.post("domains", _find(client, which, workspace)["id"], action)
    return _show(client, domain, watch=False, as_json=as_json)


def _find(client: Client, which: str, workspace: str | None) -> dict[str, Any]:
    """The domain with this id or this name."""
    if which.startswith("dom_"):
        found: dict[str, Any] = client.get("domains", which)
        return found
    page = client.get("domains", workspace=workspace or client.workspace, name=which)
    for domain in page["items"]:
        one: dict[str, Any] = domain
        return one
    raise CommandFailed(f"There is no domain {which!r} here: firstparty domains list shows them.")


def _show(client: Client, domain: dict[str, Any], *, watch: bool, as_json: bool) -> int:
    if watch:
        domain = watch_domain(lambda: client.get("domains", domain["id"]), domain, as_json=as_json)
    elif as_json:
        print_json(domain)
    else:
        print_domain(domain)
    return exit_code_of(domain["status"])
