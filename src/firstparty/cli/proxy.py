"""``firstparty proxy``: one file a command."""

from typing import Final

import typer

from firstparty.cli import proxy_generate

app: Final = typer.Typer(help="Custom proxies: your own CDN in front.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep ``generate`` a command of its own while it is the only one."""


app.command()(proxy_generate.generate)
