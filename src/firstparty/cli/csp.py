"""``firstparty sources csp``."""

from typing import Annotated, Any

import typer

from firstparty.cli.client import Client
from firstparty.cli.errors import ExitCode
from firstparty.cli.options import AsJson, SourceId
from firstparty.cli.output import print_json, print_line, print_table


def csp(  # noqa: PLR0913 - one parameter for each option
    source_id: SourceId,
    *,
    policy: Annotated[
        str, typer.Option(metavar="TEXT", help="The page's Content-Security-Policy.")
    ] = "",
    report_only: Annotated[
        str, typer.Option(metavar="TEXT", help="Its Content-Security-Policy-Report-Only.")
    ] = "",
    meta: Annotated[
        str, typer.Option(metavar="TEXT", help="The content of its meta element.")
    ] = "",
    page: Annotated[
        str, typer.Option(metavar="URL", help="Its address; it is not fetched.")
    ] = "https://www.example.com/",
    nonce: Annotated[
        bool, typer.Option("--nonce", help="The snippet's element bears the page's nonce.")
    ] = False,
    fetch: Annotated[
        str, typer.Option(metavar="URL", help="A page whose policy is fetched and checked.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """What the site's Content Security Policy must allow, and what a given one blocks.

    Exits 1 if a policy is given and blocks something.
    """
    if fetch:
        _check_page(source_id, fetch, as_json=as_json)
        return
    body = {
        "header": policy,
        "report_only": report_only,
        "meta": meta,
        "page": page,
        "has_nonce": nonce,
    }
    found = Client.of_environment().post("sources", source_id, "csp", body=body)
    if as_json:
        print_json(found)
    elif policy or report_only or meta:
        _print_check(found)
    else:
        for name, said in found["directives"].items():
            print_line(" ".join((name, *said)))
    if not found["is_allowed"]:
        raise typer.Exit(ExitCode.FAILING)


def _check_page(source_id: str, url: str, *, as_json: bool) -> None:
    found = Client.of_environment().post("sources", source_id, "csp", "page", body={"page": url})
    if as_json:
        print_json(found)
    else:
        snippet = "is on it" if found["has_snippet"] else "is not on it yet"
        print_line(f"{found['page']}: the source's snippet {snippet}.")
        if not (found["header"] or found["report_only"] or found["metas"]):
            print_line("The page has no Content Security Policy: nothing is blocked.")
        else:
            _print_check(found["policy"])
    if not found["policy"]["is_allowed"]:
        raise typer.Exit(ExitCode.FAILING)


def _print_check(found: dict[str, Any]) -> None:
    print_table(
        ("WHAT", "VERDICT", "DIRECTIVE"),
        (
            (need["what"], _verdict(need), ", ".join(need["blocked_by"] or need["reported_by"]))
            for need in found["needs"]
        ),
        empty="",
    )
    for sentence in dict.fromkeys(n["otherwise"] for n in found["needs"] if n["blocked_by"]):
        print_line(sentence)
    for change in found["changes"]:
        if change["added"]:
            print_line(f"\nThe {change['delivery']} policy with what it lacks:")
            print_line(change["changed"])
        for sentence in change["obstacles"]:
            print_line(sentence)


def _verdict(need: dict[str, Any]) -> str:
    if need["blocked_by"]:
        return "blocked"
    return "reported" if need["reported_by"] else "allowed"
