"""``firstparty proxy``: one file a command."""

from typing import Final

import typer

from firstparty.cli import proxy_check, proxy_generate

app: Final = typer.Typer(help="Custom proxies: your own CDN in front.", no_args_is_help=True)
app.command()(proxy_generate.generate)
app.command()(proxy_check.check)
