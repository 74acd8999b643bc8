"""What commands print: tables and short blocks for people, JSON for programs.

Rich is imported when something is printed: completion and exit codes do without.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

_WIDE: Final = 400  # columns

# Colour says it again, never alone: each word is printed as well.
_STYLES: Final[Mapping[str, str]] = {
    "live": "green",
    "warning": "yellow",
    "failing": "red",
    "paused": "dim",
    "removed": "dim",
}


def print_json(value: Any) -> None:
    """One JSON document."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def print_json_line(value: Any) -> None:
    """One JSON document in one line, at once: for streams."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, empty: str) -> None:
    """A table, or the sentence ``empty`` where there are no rows."""
    from rich.table import Table  # noqa: PLC0415 - see above
    from rich.text import Text  # noqa: PLC0415 - see above

    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    if table.row_count:
        _print(table, soft_wrap=False)
    else:
        print_line(empty)


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Named facts, one a line, the names in one column."""
    from rich.text import Text  # noqa: PLC0415 - see above

    facts = list(facts)
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        told = Text(f"{name:{width}}  ", style="dim") + Text(value, style=_STYLES.get(value, ""))
        _print(told, soft_wrap=True)


def print_line(text: str = "", *, style: str = "") -> None:
    """One line as it is, never wrapped: records and code are for copying."""
    from rich.text import Text  # noqa: PLC0415 - see above

    _print(Text(text, style=style), soft_wrap=True)


def _print(what: Any, *, soft_wrap: bool) -> None:
    from rich.console import Console  # noqa: PLC0415 - see above

    # As wide as needed where nobody's terminal limits it: identifiers stay whole.
    console = Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)
    console.print(what, soft_wrap=soft_wrap)
