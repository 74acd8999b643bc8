"""``firstparty domains``."""

from typing import Annotated, Any

import typer

from firstparty.cli.certificates import certificates, import_certificate, revoke_certificates
from firstparty.cli.client import Client
from firstparty.cli.confirmation import confirm
from firstparty.cli.cookies import cookies
from firstparty.cli.dns_links import dns_link
from firstparty.cli.domain_find import find_domain
from firstparty.cli.domain_origins import origins
from firstparty.cli.domain_text import exit_code_of, print_domain
from firstparty.cli.errors import CommandFailed, ExitCode
from firstparty.cli.options import AsJson, InWorkspace, Watch, Which, Yes
from firstparty.cli.output import print_json, print_line, print_table
from firstparty.cli.propagation import propagation
from firstparty.cli.traffic import domain_traffic
from firstparty.cli.watch import watch_domain
from firstparty.model.domains import Mode
from firstparty.model.status import Word

app = typer.Typer(help="Customers' subdomains.", no_args_is_help=True)
app.command()(cookies)
app.command()(propagation)
app.command("traffic")(domain_traffic)
app.command()(origins)
app.command("dns-link")(dns_link)
app.command()(certificates)
app.command("import-certificate")(import_certificate)
app.command("revoke-certificates")(revoke_certificates)


@app.command()
def add(  # noqa: PLR0913 - one parameter for each option
    name: Annotated[str, typer.Argument(help="The subdomain, for example cdp.shop.com.")],
    *,
    source: Annotated[
        list[str], typer.Option(metavar="ID", help="A source to serve; the first a javascript one.")
    ],
    mode: Annotated[
        Mode,
        typer.Option(help="How the name points at us: a CNAME is second best, a proxy is yours."),
    ] = Mode.DELEGATION,
    cdn_label: Annotated[str, typer.Option(metavar="LABEL", help="Of the CDN host.")] = "evs",
    api_label: Annotated[str, typer.Option(metavar="LABEL", help="Of the API host.")] = "api",
    cdn_host: Annotated[
        str, typer.Option(metavar="HOST", help="Of a proxy, where it is not a label's.")
    ] = "",
    api_host: Annotated[
        str, typer.Option(metavar="HOST", help="Of a proxy; may be its CDN host.")
    ] = "",
    provider: Annotated[str, typer.Option(metavar="NAME", help="What a proxy runs on.")] = "",
    target: Annotated[
        str, typer.Option(metavar="HOST", help="Where a proxy's CNAME records lead.")
    ] = "",
    also: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=ID[,ID]", help="One more domain with sources of its own; all or none."
        ),
    ] = None,
    csp: Annotated[bool, typer.Option("--csp", help="The site has a CSP.")] = False,
    description: Annotated[str, typer.Option(help="For people.")] = "",
    watch: Watch = False,
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> int:
    """Ask for a domain, and print the records to add."""
    client = Client.of_environment()
    asked = {
        "workspace_id": workspace or client.workspace,
        "name": name,
        "source_ids": source,
        "mode": mode,
        "cdn_label": cdn_label,
        "api_label": api_label,
        "has_csp": csp,
        "description": description,
        "cdn_host": cdn_host,
        "api_host": api_host,
        "provider": provider,
        "target": target,
    }
    if not also:
        domain = client.post("domains", body=asked)
        return _show(client, domain, watch=watch, as_json=as_json)
    others = [asked | _parse_also(text) for text in also]
    made = client.post("domains", "several", body={"domains": [asked, *others]})
    if as_json:
        print_json(made)
    for domain in () if as_json else made:
        print_domain(domain)
        print_line()
    return ExitCode.GOOD


def _parse_also(text: str) -> dict[str, Any]:
    """``NAME=ID[,ID]``: a domain and its sources."""
    name, equals, sources = text.partition("=")
    if not equals or not name or not sources:
        raise CommandFailed(f"--also {text!r}: write the name and its sources: NAME=ID[,ID]")
    return {"name": name, "source_ids": sources.split(",")}


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
    which: Which,
    *,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="zone|PROVIDER",
            help="The records alone: as a zone file, or in the words of a DNS provider.",
        ),
    ] = None,
    watch: Watch = False,
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> int:
    """One domain: records, statuses, findings. Exits 1 if it is failing, 2 on a warning."""
    client = Client.of_environment()
    domain = find_domain(client, which, workspace)
    if format_ is None:
        return _show(client, domain, watch=watch, as_json=as_json)
    written = client.get("domains", domain["id"], "records", provider=format_)
    if as_json:
        print_json(written)
    else:
        print_line(written["text"].rstrip())
    return exit_code_of(domain["status"])


@app.command()
def check(
    which: Which, *, watch: Watch = False, workspace: InWorkspace = None, as_json: AsJson = False
) -> int:
    """Look at the domain now, without waiting for the next look."""
    return _act("check", which, workspace, watch=watch, as_json=as_json)


@app.command()
def pause(which: Which, *, workspace: InWorkspace = None, as_json: AsJson = False) -> int:
    """Keep everything, do nothing, until it is resumed."""
    return _act("pause", which, workspace, as_json=as_json)


@app.command()
def resume(which: Which, *, workspace: InWorkspace = None, as_json: AsJson = False) -> int:
    """Go on after a pause."""
    return _act("resume", which, workspace, as_json=as_json)


@app.command("roll-key")
def roll_key(which: Which, *, workspace: InWorkspace = None, as_json: AsJson = False) -> None:
    """Replace the key that the domain's zone is signed with; `show` says how far that is."""
    _act("key-roll", which, workspace, as_json=as_json)


@app.command()
def move(  # noqa: PLR0913 - one parameter for each option
    which: Which,
    new_name: Annotated[str, typer.Argument(metavar="NEW", help="The subdomain to move to.")],
    *,
    mode: Annotated[Mode, typer.Option(help="How the new name points at us.")] = Mode.DELEGATION,
    cdn_label: Annotated[str | None, typer.Option(metavar="LABEL", help="Default: as it was.")] = (
        None
    ),
    api_label: Annotated[str | None, typer.Option(metavar="LABEL", help="Default: as it was.")] = (
        None
    ),
    watch: Watch = False,
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> int:
    """Let a new domain take this one's place; both serve until nobody asks the old one."""
    client = Client.of_environment()
    body = {"name": new_name, "mode": mode, "cdn_label": cdn_label, "api_label": api_label}
    old = find_domain(client, which, workspace)
    domain = client.post("domains", old["id"], "move", body=body)
    return _show(client, domain, watch=watch, as_json=as_json)


@app.command()
def remove(
    which: Which,
    *,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="Do not wait until nobody asks its hosts any more.")
    ] = False,
    yes: Yes = False,
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Serve it until nobody asks its hosts any more, then never again. Its records go last."""
    client = Client.of_environment()
    domain = find_domain(client, which, workspace)
    when = "at once" if at_once else "once nobody asks its hosts any more"
    confirm(f"{domain['name']} stops being served {when}, for good. Remove it?", yes=yes)
    removed = client.delete("domains", domain["id"], at_once="true" if at_once else None)
    if as_json:
        print_json(removed)
        return
    if removed["status"] == Word.REMOVING and not at_once:
        print_line(
            f"{removed['name']} is served until nobody asks its hosts any more; "
            "firstparty domains show tells how far it is. When it is removed, delete these records:"
        )
    else:
        print_line(f"{removed['name']} is {removed['status']}. Delete these records now:")
    for record in removed["records"]:
        print_line(f"  {record['name']} {record['ttl']} IN {record['type']} {record['value']}")


def _act(
    action: str, which: str, workspace: str | None, *, watch: bool = False, as_json: bool
) -> int:
    client = Client.of_environment()
    domain = client.post("domains", find_domain(client, which, workspace)["id"], action)
    return _show(client, domain, watch=watch, as_json=as_json)


def _show(client: Client, domain: dict[str, Any], *, watch: bool, as_json: bool) -> int:
    if watch:
        domain = watch_domain(lambda: client.get("domains", domain["id"]), domain, as_json=as_json)
    elif as_json:
        print_json(domain)
    else:
        print_domain(domain)
    return exit_code_of(domain["status"])
