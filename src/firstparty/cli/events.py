"""``firstparty events``."""

import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from firstparty.cli.client import Client
from firstparty.cli.event_text import print_event
from firstparty.cli.options import AsJson, InWorkspace
from firstparty.cli.output import print_json, print_json_line, print_line, print_table
from firstparty.events.export import Format, render_rows

app = typer.Typer(help="What became of messages.", no_args_is_help=True)
OfSource = Annotated[
    str | None, typer.Option("--source", metavar="ID", help="Of this source alone: src_…")
]
_PAUSE_SECONDS = 1.0
_COUNTS = (
    "accepted",
    "delivered",
    "waiting",
    "dead",
    "replayed",
    "refused",
    "privacy_dropped",
)


@app.command()
def ledger(
    *,
    source: OfSource = None,
    written: Annotated[
        Format | None, typer.Option("--format", help="Write it for other programs.")
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it again whenever it changes, until Ctrl-C.")
    ] = False,
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """How many messages were accepted, and what became of them."""
    client = Client.of_environment()
    where = workspace or client.workspace
    shown: list[dict[str, Any]] | None = None
    while True:
        accounts = list(client.list_all("events", "ledger", workspace=where, source=source))
        if written is not None:
            sys.stdout.writelines(render_rows(accounts, written))
            return
        if accounts != shown:
            _print_ledger(accounts, as_json=as_json, is_one_of_many=watch)
        if not watch:
            return
        shown = accounts
        time.sleep(_PAUSE_SECONDS)


def _print_ledger(accounts: list[dict[str, Any]], *, as_json: bool, is_one_of_many: bool) -> None:
    if as_json:
        (print_json_line if is_one_of_many else print_json)(accounts)
        return
    if is_one_of_many:
        print_line(time.strftime("%H:%M:%S"))
    print_table(
        ("SOURCE", "NAME", *(name.upper().replace("_", " ") for name in _COUNTS)),
        (
            (one["source_id"], one["source_name"], *(f"{one[name]:,}" for name in _COUNTS))
            for one in accounts
        ),
        empty="There is no source yet: firstparty sources add NAME --type javascript",
    )
    if any(one["uncounted_groups"] for one in accounts):
        print_line("More waits in the log than is counted at once: the forwarder is not running.")
    sys.stdout.flush()


@app.command()
def dead(
    *,
    source: OfSource = None,
    export: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write them there whole, one JSON document a line."),
    ] = None,
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """The dead letters: messages that will not be delivered, and why."""
    client = Client.of_environment()
    where = workspace or client.workspace
    letters = client.list_all("events", "dead", workspace=where, source=source)
    if export is not None:
        count = 0
        with _open(export) as file:
            for letter in letters:
                file.write(json.dumps(letter) + "\n")
                count += 1
        print_line(f"{count} dead letters are in {export}.")
    elif as_json:
        print_json(list(letters))
    else:
        print_table(
            ("ID", "DIED", "REASON"),
            ((one["id"], one["died_at"][:19], one["reason"]) for one in letters),
            empty="There is no dead letter.",
        )


@app.command()
def replay(
    letter: Annotated[
        str | None, typer.Argument(metavar="ID", help="A dead letter, as `events dead` lists it.")
    ] = None,
    *,
    source: Annotated[
        str | None, typer.Option(metavar="ID", help="All dead letters of this source: src_…")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Send dead letters again, each with the messageId that it has."""
    client = Client.of_environment()
    if letter and not source:
        done = client.post("events", "dead", letter, "replay")
    elif source and not letter:
        done = _replay_all(client, source)
    else:
        raise typer.BadParameter("name one dead letter, or a source with --source")
    if as_json:
        print_json(done)
        return
    print_line(_tell(done))


@app.command()
def tail(
    *, source: OfSource = None, workspace: InWorkspace = None, as_json: AsJson = False
) -> None:
    """Show messages as they arrive and what becomes of them, until you press Ctrl-C."""
    client = Client.of_environment()
    where = workspace or client.workspace
    while True:  # the other side ends it now and then, so that a revoked token sees no more
        for event in client.stream("events", "tail", workspace=where, source=source):
            if as_json:
                print_json_line(event)
            else:
                print_event(event)
        time.sleep(_PAUSE_SECONDS)


def _replay_all(client: Client, source: str) -> dict[str, Any]:
    """As many requests as it takes, each for some thousand letters; progress on standard error."""
    total = 0
    while True:
        done: dict[str, Any] = client.post("events", "dead", "replay", body={"source_id": source})
        total += done["replayed"]
        if not (done["is_more"] and done["replayed"]):
            return done | {"replayed": total}
        sys.stderr.write(f"{total:,} replayed, and there are more …\n")


def _tell(done: dict[str, Any]) -> str:
    sentences = [f"{done['replayed']} replayed."]
    if done["kept"]:
        sentences.append(f"{done['kept']} stay: they cannot be read.")
    if done["is_more"]:
        sentences.append("There are more: run it again.")
    return " ".join(sentences)


def _open(file: Path) -> Any:
    try:
        return file.open("w", encoding="utf-8")
    except OSError as error:
        raise typer.BadParameter(str(error), param_hint="--export") from error
