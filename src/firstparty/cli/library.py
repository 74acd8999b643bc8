"""``firstparty library``: versions of Analytics.js on this machine."""

import sys
import time
from typing import Annotated

import typer

from firstparty.cli.options import AsJson
from firstparty.cli.output import print_json, print_line, print_table
from firstparty.cli.serving import ConfigFile

app = typer.Typer(help="Versions of Analytics.js on this machine.", no_args_is_help=True)


@app.command()
def install(
    version: Annotated[str, typer.Argument(metavar="[VERSION]", help="Such as 1.84.3.")] = "latest",
    *,
    config: ConfigFile = None,
) -> None:
    """Install a version from npm, its integrity checked; the CDN role takes it within seconds."""
    # Imported when it is called: the other commands do not pay for it.
    from firstparty.cdn.install import install_version  # noqa: PLC0415
    from firstparty.config.load import load_settings  # noqa: PLC0415

    state = load_settings(config).state_directory / "cdn"
    sys.stderr.write(f"Asking npm for {version}, which may take a minute …\n")
    started = time.perf_counter()
    installed = install_version(version, state)
    print_line(f"{installed} is installed ({time.perf_counter() - started:.1f} s).")


@app.command("list")
def list_(*, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """The versions that can be served; sources without one of their own get the newest."""
    from firstparty.cdn.bundles import read_library  # noqa: PLC0415
    from firstparty.cdn.versions import order_of  # noqa: PLC0415
    from firstparty.config.load import load_settings  # noqa: PLC0415

    state = load_settings(config).state_directory / "cdn"
    library = read_library(state)
    versions = sorted(library.scripts, key=order_of, reverse=True)
    if as_json:
        refused = {one.version: one.reason for one in library.refused}
        print_json({"versions": versions, "refused": refused, "chunks": len(library.bundles)})
        return
    print_table(
        ("VERSION",),
        ((version,) for version in versions),
        empty="None is installed yet: firstparty library install",
    )
    for one in library.refused:
        print_line(f"Refused: {one.reason}")
