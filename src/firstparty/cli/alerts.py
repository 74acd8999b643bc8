"""``firstparty alerts``."""

import time
from typing import Annotated, Any, Final

import typer

from firstparty.cli.client import Client
from firstparty.cli.confirmation import confirm
from firstparty.cli.errors import CommandFailed, ExitCode
from firstparty.cli.options import AsJson, InWorkspace, Yes
from firstparty.cli.output import print_facts, print_json, print_line, print_table
from firstparty.model.alerts import AlertState, ChannelKind

app = typer.Typer(help="Webhooks, mail and chat: who hears what.", no_args_is_help=True)
ChannelId = Annotated[str, typer.Argument(metavar="ID", help="The channel's id: chn_…")]
Quiet = Annotated[
    str | None,
    typer.Option(metavar="FROM-TO", help="Only what is failing is told then: 22:00-07:00."),
]
Zone = Annotated[str, typer.Option(metavar="ZONE", help="Of the quiet hours.")]
_TEST_SECONDS: Final = 30


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What people call it.")],
    kind: Annotated[ChannelKind, typer.Argument(help="How it is reached.")],
    target: Annotated[str, typer.Argument(help="The https or e-mail address.")],
    *,
    quiet: Quiet = None,
    zone: Zone = "UTC",
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Make a channel. A webhook's secret is printed now and cannot be shown again."""
    client = Client.of_environment()
    body: dict[str, Any] = {"name": name, "kind": kind, "target": target}
    body |= {"workspace_id": workspace or client.workspace, "quiet": _parse(quiet, zone)}
    made = client.post("channels", body=body)
    if as_json:
        print_json(made)
        return
    print_facts((("channel", made["id"]), ("kind", made["kind"]), ("target", made["target"])))
    if made["secret"]:
        print_facts((("secret", made["secret"]),))
        print_line("Keep the secret now: it cannot be shown again.", style="yellow")


@app.command("list")
def list_(*, workspace: InWorkspace = None, as_json: AsJson = False) -> None:
    """The channels of the workspace."""
    client = Client.of_environment()
    found = list(client.list_all("channels", workspace=workspace or client.workspace))
    if as_json:
        print_json(found)
        return
    print_table(
        ("ID", "NAME", "KIND", "TARGET", "STATE"),
        ((one["id"], one["name"], one["kind"], one["target"], _state_of(one)) for one in found),
        empty="Nobody is told anything yet: firstparty alerts add NAME email ADDRESS",
    )


@app.command()
def edit(
    channel_id: ChannelId,
    *,
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    target: Annotated[str | None, typer.Option(help="The https or e-mail address.")] = None,
    enabled: Annotated[bool | None, typer.Option("--on/--off", help="Tell, or do not.")] = None,
    quiet: Quiet = None,
    zone: Zone = "UTC",
    as_json: AsJson = False,
) -> None:
    """Change a channel; --quiet none ends its quiet hours."""
    body = {
        "name": name,
        "target": target,
        "is_enabled": enabled,
        "quiet": _parse(quiet, zone),
    }
    changed = Client.of_environment().patch(
        "channels", channel_id, body={key: one for key, one in body.items() if one is not None}
    )
    if as_json:
        print_json(changed)
    else:
        print_line(f"{changed['name']} ({changed['kind']}) is {_state_of(changed)}.")


@app.command("test")
def send_test(channel_id: ChannelId, *, as_json: AsJson = False) -> int:
    """Send a test, and say what became of it. Exits 1 if it was not taken."""
    client = Client.of_environment()
    sent = client.post("channels", channel_id, "test")
    deadline = time.monotonic() + _TEST_SECONDS
    while not sent["answer"] and time.monotonic() < deadline:
        time.sleep(0.5)
        page = client.get("channels", channel_id, "deliveries", limit=20)
        sent = next((one for one in page["items"] if one["id"] == sent["id"]), sent)
    if as_json:
        print_json(sent)
    else:
        print_line(f"{sent['state']}: {sent['answer'] or 'not tried yet: does alerts run?'}")
    return ExitCode.GOOD if sent["state"] == AlertState.DELIVERED else ExitCode.FAILING


@app.command()
def log(
    channel_id: ChannelId,
    *,
    limit: Annotated[int, typer.Option(min=1, max=200, help="The most entries.")] = 50,
    as_json: AsJson = False,
) -> None:
    """What was told through a channel, newest first."""
    page = Client.of_environment().get("channels", channel_id, "deliveries", limit=limit)
    if as_json:
        print_json(page["items"])
        return
    print_table(
        ("AT", "TYPE", "STATE", "TRIES", "ANSWER", "TEXT"),
        (
            (
                one["created_at"][:19].replace("T", " "),
                one["type"],
                one["state"],
                str(one["tries"]),
                one["answer"],
                one["data"]["text"],
            )
            for one in page["items"]
        ),
        empty="Nothing was told yet.",
    )


@app.command()
def remove(
    channel_id: ChannelId,
    *,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Forget a channel, and what was sent through it."""
    confirm("The channel and the log of what it told are gone. Remove?", yes=yes)
    removed = Client.of_environment().delete("channels", channel_id)
    if as_json:
        print_json(removed)
    else:
        print_line(f"{removed['name']} is removed.")


def _parse(quiet: str | None, zone: str) -> dict[str, str] | None:
    if quiet is None:
        return None
    if quiet == "none":
        return {"from": "", "to": ""}
    start, dash, end = quiet.partition("-")
    if not dash:
        raise CommandFailed("--quiet is two times, as 22:00-07:00, or none.")
    return {"from": start, "to": end, "zone": zone}


def _state_of(channel: dict[str, Any]) -> str:
    if not channel["is_enabled"]:
        return "off"
    quiet = channel["quiet"]
    return f"on, quiet {quiet['from']}-{quiet['to']} {quiet['zone']}" if quiet else "on"
