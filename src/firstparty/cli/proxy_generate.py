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
from firstparty.errors import Refused


def generate(  # noqa: PLR0913 - one parameter for each option
    provider: Annotated[str, typer.Argument(help="nginx, caddy, …; another word lists them all.")],
    *,
    cdn_host: Annotated[str, typer.Option(metavar="HOST", help="The host for scripts.")],
    api_host: Annotated[
        str | None,
        typer.Option(metavar="HOST", help="The host for messages; the same one, if unsaid."),
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="ID", help="Of a source here: src_…")
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(metavar="us|eu", help="Of Segment itself: needs no running product."),
    ] = None,
    write_key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="With --region: for the snippets and commands."),
    ] = None,
    source_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The source's page in Segment, for the e-mail."),
    ] = None,
    segment_source_id: Annotated[
        str | None,
        typer.Option(metavar="ID", help="The source's ID in Segment, for the e-mail."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the files there, not to the terminal.")
    ] = None,
    no_caching: Annotated[
        bool, typer.Option("--no-caching", help="The proxy itself keeps nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make the files of a proxy on a CDN or server of your own, and say what to do with them."""
    if (source is None) == (region is None):
        raise typer.BadParameter("one of the two, not both", param_hint="--source or --region")
    if source is not None and write_key is not None:
        raise typer.BadParameter("the source has its own", param_hint="--write-key")
    said = {
        "provider": provider,
        "cdn_host": cdn_host,
        "api_host": api_host,
        "source_url": source_url,
        "segment_source_id": segment_source_id,
    }
    if source is not None:
        caching = "false" if no_caching else "true"
        client = Client.of_environment()
        made = client.get("sources", source, "proxy", caching=caching, **said)
    else:
        options = {"is_cached": not no_caching, **said}
        made = _make(options, region=str(region), write_key=write_key)
    if output is not None:
        _write(output, made["files"])
    if as_json:
        print_json(made)
    else:
        _print(made, output)


def _make(options: dict[str, Any], *, region: str, write_key: str | None) -> dict[str, Any]:
    from firstparty.control.proxy_views import (  # noqa: PLC0415 - templates take their time
        ProxyRequest,
        build_document,
        show_segment_proxy,
    )

    try:
        view = show_segment_proxy(ProxyRequest(**options), region=region, write_key=write_key)
    except Refused as error:
        hint = f"--{error.field.replace('_', '-')}" if error.field else None
        raise typer.BadParameter(error.sentence, param_hint=hint) from error
    return build_document(view)


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
        print_line(f"\nPaste ({paste['format']})", style="bold")
        print_line(paste["code"].rstrip("\n"))
    print_line(f"\nHost address for SDKs and the source's settings: {made['api_base']}")
    if made["device_mode"]:
        print_line(
            "Not covered, since they talk to their vendor from the browser (device mode): "
            + ", ".join(made["device_mode"])
        )
    for mail in made["mails"]:
        if mail["purpose"] == "enable":
            print_line("\nOnce it works: an e-mail to Segment's support", style="bold")
            print_line(f"Subject: {mail['subject']}\n\n{mail['body'].rstrip()}")
    print_line("\nDoes it work?", style="bold")
    for command in made["proof"]:
        print_line(command)
