"""``firstparty proxy check``: from this machine, with or without a running product."""

import asyncio
import secrets
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from firstparty.cli.client import Client
from firstparty.cli.errors import ExitCode
from firstparty.cli.options import AsJson
from firstparty.cli.output import print_json, print_line
from firstparty.errors import Refused
from firstparty.outbound.http import SafeClient
from firstparty.proxies.causes import PROVIDERS, find_words
from firstparty.proxies.check import check_proxy, summarise
from firstparty.proxies.result import Result, Status
from firstparty.proxies.target import Target, parse_target

_STYLES = {Status.PASS: "green", Status.WARN: "yellow", Status.FAIL: "red", Status.SKIP: "dim"}
_CODES = {Status.FAIL: ExitCode.FAILING, Status.WARN: ExitCode.WARNING}
_HINTS = {"cdn": "URL", "api": "--api", "write_key": "--write-key"}


def check(  # noqa: PLR0913 - one parameter for each option
    url: Annotated[str, typer.Argument(metavar="URL", help="The CDN side: https://CDN_HOST")],
    *,
    api: Annotated[
        str | None, typer.Option(metavar="URL", help="The API side: https://API_HOST/v1")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Send marked test messages for this source."),
    ] = None,
    write_key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="The same, for a source that Firstparty has not."),
    ] = None,
    provider: Annotated[
        str | None, typer.Option(metavar="NAME", help="What it runs on: " + ", ".join(PROVIDERS))
    ] = None,
    ca: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Authorities to trust as well, in PEM.")
    ] = None,
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Contact private addresses, too.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Check any custom proxy. Exits 1 if something fails, 2 on a warning."""
    if provider is not None:
        known = find_words(provider)
        if known is None:
            raise typer.BadParameter(f"one of {', '.join(PROVIDERS)}", param_hint="--provider")
        provider = known
    if source is not None:
        if write_key is not None:
            raise typer.BadParameter("not together with --source", param_hint="--write-key")
        write_key = str(Client.of_environment().get("sources", source)["write_key"])
    try:
        target = parse_target(cdn=url, api=api, write_key=write_key, provider=provider)
    except Refused as error:
        hint = _HINTS.get(error.field or "")
        raise typer.BadParameter(error.sentence, param_hint=hint) from error
    report = _ignore if as_json else _Printer()
    client = SafeClient(allow_private=allow_private, ca_pem=_read_ca(ca))
    results = asyncio.run(
        check_proxy(
            target, client, now=datetime.now(UTC), nonce=secrets.token_hex(8), report=report
        )
    )
    status = summarise(results)
    if as_json:
        print_json(_as_document(target, status, results))
    else:
        _print_summary(status, results)
    return _CODES.get(status, ExitCode.GOOD)


def _read_ca(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        text = file.read_text()
        SafeClient(allow_private=False, ca_pem=text)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{file}: {error}", param_hint="--ca") from error
    return text


def _ignore(result: Result) -> None:
    del result


class _Printer:
    """Prints results as they come; a cause's fix and evidence the first time only."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def __call__(self, result: Result) -> None:
        head = f"{result.status:4}  {result.check}  "
        if result.cause is None:
            print_line(f"{head}{result.sentence}", style=_STYLES[result.status])
        elif result.cause in self._told:
            print_line(f"{head}{result.cause}: as above", style=_STYLES[result.status])
        else:
            self._told.add(result.cause)
            print_line(f"{head}{result.cause}: {result.sentence}", style=_STYLES[result.status])
            print_line(f"      fix: {result.fix}")
            print_line(f"      asked: {result.request}")
            print_line(f"      got: {result.answer}")
        sys.stdout.flush()


def _print_summary(status: Status, results: tuple[Result, ...]) -> None:
    counts = {one: sum(result.status is one for result in results) for one in Status}
    told = ", ".join(f"{count} {one}" for one, count in counts.items())
    print_line(f"\n{status}: {told}", style=_STYLES[status])


def _as_document(target: Target, status: Status, results: tuple[Result, ...]) -> object:
    return {
        "cdn": str(target.cdn),
        "api": str(target.api) if target.api else None,
        "status": status,
        "results": [asdict(result) for result in results],
    }
