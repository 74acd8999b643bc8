"""``firstparty proxy check``: from this machine, with or without a running product.

What checks is imported when it is called: it was a third of what every command loaded.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from firstparty.cli.client import Client
from firstparty.cli.options import AsJson
from firstparty.proxies.platforms import PROVIDERS, find_words


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
    within: Annotated[
        int, typer.Option(metavar="SECONDS", min=1, max=300, help="How long it may take.")
    ] = 5,
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
    from firstparty.cli.proxy_report import report_proxy  # noqa: PLC0415 - see above

    return report_proxy(
        url,
        api=api,
        write_key=write_key,
        provider=provider,
        ca=ca,
        allow_private=allow_private,
        within=timedelta(seconds=within),
        as_json=as_json,
    )
