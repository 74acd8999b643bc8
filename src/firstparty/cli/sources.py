"""``firstparty sources``."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from firstparty.cli.aliases import alias
from firstparty.cli.client import Client
from firstparty.cli.csp import csp
from firstparty.cli.options import AsJson, InWorkspace, SourceId
from firstparty.cli.output import print_facts, print_json, print_line, print_table
from firstparty.cli.privacy import privacy
from firstparty.cli.rollout import restore, rollout
from firstparty.cli.traffic import source_traffic
from firstparty.cli.webhook_secret import print_secret, secret
from firstparty.control.settings_json import parse_settings
from firstparty.errors import Refused
from firstparty.model.workspaces import Origin, SourceType
from firstparty.snippets.catalogue import list_forms

app = typer.Typer(help="Sites and apps that send messages.", no_args_is_help=True)
app.command()(alias)
app.command()(csp)
app.command()(privacy)
app.command()(restore)
app.command()(rollout)
app.command()(secret)
app.command("traffic")(source_traffic)


@app.command()
def add(  # noqa: PLR0913 - one parameter for each option
    name: Annotated[str, typer.Argument(help="What people call it.")],
    *,
    kind: Annotated[SourceType, typer.Option("--type", help="The SDK that sends.")],
    region: Annotated[str, typer.Option(help="us or eu.")] = "us",
    upstream: Annotated[
        str | None,
        typer.Option(metavar="UPSTREAM", help="Where messages go; the region's if unsaid."),
    ] = None,
    write_key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="The one it has upstream; a new one if unsaid."),
    ] = None,
    settings: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Its settings JSON; - is standard input.")
    ] = None,
    origin: Annotated[
        Origin, typer.Option(help="mirror: its settings come from the upstream CDN.")
    ] = Origin.SELF_HOSTED,
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Make a source."""
    client = Client.of_environment()
    source = client.post(
        "sources",
        body={
            "workspace_id": workspace or client.workspace,
            "name": name,
            "type": kind,
            "region": region,
            "upstream": upstream,
            "write_key": write_key,
            "settings": {} if settings is None else _read_settings(settings),
            "origin": origin,
        },
    )
    _print_source(source, as_json=as_json)


@app.command()
def edit(  # noqa: PLR0913 - one parameter for each option
    source_id: SourceId,
    *,
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    region: Annotated[
        str | None, typer.Option(help="us or eu; its own upstream follows it.")
    ] = None,
    upstream: Annotated[
        str | None,
        typer.Option(metavar="UPSTREAM", help='Where messages go; "" is the region\'s own.'),
    ] = None,
    settings: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="All of its settings JSON anew; - is standard input."),
    ] = None,
    origin: Annotated[Origin | None, typer.Option(help="Where its settings come from.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=0, help="Messages a second that it may send; 0: no limit.")
    ] = None,
    version: Annotated[
        str | None,
        typer.Option("--script-version", help='Of Analytics.js; "" is the newest installed.'),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change where a source's messages go, its settings, or how much it may send."""
    said = {
        "name": name,
        "region": region,
        "upstream": upstream,
        "settings": settings and _read_settings(settings),
        "origin": origin,
        "messages_per_second": limit,
        "script_version": version,
    }
    body = {name: value for name, value in said.items() if value is not None}
    if not body:
        raise typer.BadParameter(
            "say what to change", param_hint="--upstream, --settings, --limit…"
        )
    source = Client.of_environment().patch("sources", source_id, body=body)
    _print_source(source, as_json=as_json)


@app.command("list")
def list_(
    *,
    query: Annotated[
        str | None, typer.Option("--query", "-q", metavar="TEXT", help="Names with this in them.")
    ] = None,
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """The sources of the workspace."""
    client = Client.of_environment()
    sources = list(client.list_all("sources", workspace=workspace or client.workspace, q=query))
    if as_json:
        print_json(sources)
        return
    print_table(
        ("ID", "NAME", "TYPE", "WRITE KEY", "DOMAIN"),
        (
            (one["id"], one["name"], one["type"], one["write_key"], _domain_of(one))
            for one in sources
        ),
        empty="There is no source yet: firstparty sources add NAME --type javascript",
    )


@app.command()
def show(source_id: SourceId, *, as_json: AsJson = False) -> None:
    """One source: its write key, addresses and upstream."""
    _print_source(Client.of_environment().get("sources", source_id), as_json=as_json)


@app.command()
def snippet(
    source_id: SourceId,
    *,
    form: Annotated[
        str, typer.Option("--format", metavar="FORM", help=f"One of {', '.join(list_forms())}.")
    ] = "html",
    standard: Annotated[
        bool, typer.Option("--standard", help="html: the path with the write key, not the alias.")
    ] = False,
    name: Annotated[
        str, typer.Option("--global", metavar="NAME", help="html: another name for the global.")
    ] = "analytics",
    load: Annotated[
        str, typer.Option("--load", metavar="JSON", help="html: options for Analytics.js's load.")
    ] = "",
    page: Annotated[
        bool, typer.Option("--page/--no-page", help="html: whether it calls page() itself.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Print the code to copy, with the source's hosts and write key in it."""
    path = "standard" if standard else "alias"
    query = {"format": form, "path": path, "global": name}
    if load:
        query["load_options"] = load
    if not page:
        query["page_call"] = "false"
    found = Client.of_environment().get("sources", source_id, "snippet", **query)
    if as_json:
        print_json(found)
    else:
        # Not through a console: this is code, byte for byte.
        sys.stdout.write(found["code"].rstrip("\n") + "\n")


def _read_settings(file: Path) -> dict[str, Any]:
    try:
        return parse_settings(sys.stdin.read() if str(file) == "-" else file.read_text())
    except (OSError, UnicodeError, Refused) as error:
        raise typer.BadParameter(f"{file}: {error}", param_hint="--settings") from error


def _domain_of(source: dict[str, Any]) -> str:
    return source["domain"]["name"] if source["domain"] else "-"


def _print_source(source: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(source)
        return
    facts = [
        ("source", source["id"]),
        ("name", source["name"]),
        ("type", source["type"]),
        ("write key", source["write_key"]),
        ("upstream", f"{source['upstream']} ({source['region']})"),
        ("origin", source["origin"]),
        *([("on the domain", f"{source['share']} % of visitors")] if source["share"] < 100 else []),  # noqa: PLR2004 - percent
        ("domain", _domain_of(source)),
    ]
    if source["messages_per_second"]:
        facts.append(("limit", f"{source['messages_per_second']} messages a second"))
    if source["domain"]:
        facts += [("script", source["alias_url"]), ("API host", source["domain"]["api_host"])]
    print_facts(facts)
    for warning in source["settings_warnings"]:
        print_line(f"settings: {warning['path']}: {warning['sentence']}", style="yellow")
    if source["domain"]:
        print_line(f"\nThe code to paste: firstparty sources snippet {source['id']}")
    print_secret(source)
