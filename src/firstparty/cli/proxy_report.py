"""Checks a proxy, and prints what is found as it is found."""

import asyncio
import secrets
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer

from firstparty.cli.errors import ExitCode
from firstparty.cli.output import print_json, print_line
from firstparty.errors import Refused
from firstparty.outbound.http import SafeClient
from firstparty.proxies.check import check_proxy, summarise
from firstparty.proxies.result import Result, Status
from firstparty.proxies.target import Target, parse_target

_STYLES = {Status.PASS: "green", Status.WARN: "yellow", Status.FAIL: "red", Status.SKIP: "dim"}
_CODES = {Status.FAIL: ExitCode.FAILING, Status.WARN: ExitCode.WARNING}
_HINTS = {"cdn": "URL", "api": "--api", "write_key": "--write-key"}


def report_proxy(  # noqa: PLR0913 - one parameter for each option
    url: str,
    *,
    api: str | None,
    write_key: str | None,
    provider: str | None,
    ca: Path | None,
    allow_private: bool,
    within: timedelta,
    as_json: bool,
) -> int:
    """The exit code of the check; see the command. Raises BadParameter for what is no address."""
    try:
        target = parse_target(cdn=url, api=api, write_key=write_key, provider=provider)
    except Refused as error:
        hint = _HINTS.get(error.field or "")
        raise typer.BadParameter(error.sentence, param_hint=hint) from error
    report = _ignore if as_json else _Printer()
    client = SafeClient(allow_private=allow_private, ca_pem=_read_ca(ca))
    results = asyncio.run(
        check_proxy(
            target,
            client,
            now=datetime.now(UTC),
            nonce=secrets.token_hex(8),
            report=report,
            deadline=within,
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
