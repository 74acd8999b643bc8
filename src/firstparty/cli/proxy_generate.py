"""``firstparty proxy generate``."""

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated, Any

import typer

from firstparty.cli.client import Client
from firstparty.cli.errors import CommandFailed
from firstparty.cli.options import AsJson
from firstparty.cli.output import print_json, print_line


def generate(
    provider: Annotated[str, typer.Argument(help="nginx, caddy, …; another word lists them all.")],
    *,
    source: Annotated[str, typer.Option(metavar="ID", help="The source: src_…")],
    cdn_host: Annotated[str, typer.Option(metavar="HOST", help="The host for scripts.")],
    api_host: Annotated[
        str, typer.Option(metavar="HOST", help="The host for messages; may be the same.")
    ],
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the files there, not to the terminal.")
    ] = None,
    no_caching: Annotated[
        bool, typer.Option("--no-caching", help="The proxy itself keeps nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make the files of a proxy on a CDN or server of your own, and say what to do with them."""
    made = Client.of_environment().get(
        "sources",
        source,
        "proxy",
        provider=provider,
        cdn_host=cdn_host,
        api_host=api_host,
        caching="false" if no_caching else "true",
    )
    if output is not None:
        _write(output, made["files"])
    if as_json:
        print_json(made)
    else:
        _print(made, output)


def _write(folder: Path, files: list[dict[str, str]]) -> None:
    """Write every file, or none where one with other contents is there already."""
    try:
        for file in files:
            target = folder / file["path"]
            if target.exists() and target.read_text() != file["text"]:
                raise CommandFailed(
                    f"{target} is there already and says something else: move it away, "
                    "or choose another folder with --output."
                )
        for file in files:
            target = folder / file["path"]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(file["text"])
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(f"--output {folder}: {error}") from error


def _print(made: dict[str, Any], output: Path | None) -> None:
    """Without a folder, standard output is the file and nothing else, so that it can be piped."""
    if output is None:
        first, *others = made["files"]
        sys.stdout.write(first["text"])
        with redirect_stdout(sys.stderr):
            if others:
                names = ", ".join(file["path"] for file in others)
                print_line(f"\nThis was {first['path']}; --output DIR writes {names} too.")
            _advise(made)
        return
    for file in made["files"]:
        print_line(f"Wrote {output / file['path']}")
    _advise(made)


def _advise(made: dict[str, Any]) -> None:
    print_line("\nSteps", style="bold")
    for number, step in enumerate(made["steps"], 1):
        print_line(f"{number}. {step}")
    if made["records"]:
        print_line("\nDNS records", style="bold")
    for record in made["records"]:
        print_line(f"{record['name']} IN {record['type']} {record['value']}")
    for paste in made["pastes"]:
        _print_block(f"Paste ({paste['format']})", paste["code"])
    print_line(f"\nHost address for SDKs and the source's settings: {made['api_base']}")
    if made["device_mode"]:
        print_line(
            "Not covered, since they talk to their vendor from the browser (device mode): "
            + ", ".join(made["device_mode"])
        )
    print_line("\nDoes it work?", style="bold")
    for command in made["proof"]:
        print_line(command)


def _print_block(title: str, text: str) -> None:
    print_line(f"\n{title}", style="bold")
    print_line(text.rstrip("\n"))
