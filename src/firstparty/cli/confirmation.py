"""Asking before what cannot be taken back."""

import sys

import typer


def confirm(question: str, *, yes: bool) -> None:
    """Ask a person at a terminal, and leave unless they agree; ``yes``: they did already.

    A script has nobody to ask, and said what it wants.
    """
    if not yes and sys.stdin.isatty():
        typer.confirm(question, abort=True)
