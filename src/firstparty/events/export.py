"""The ledger as text for other programs: NDJSON, or CSV for spreadsheets. Pure."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:  # the command line, too, writes these formats, and needs nothing else of it
    from firstparty.events.ledger import LedgerNow
    from firstparty.model.workspaces import Source
    from firstparty.spool.tally import NotKept

COLUMNS: Final = (
    "source_id",
    "source_name",
    "accepted",
    "delivered",
    "waiting",
    "dead",
    "expired",
    "replayed",
    "refused",
    "privacy_dropped",
    "uncounted_groups",
)
# A spreadsheet takes what begins like this for a formula.
_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")


class Format(StrEnum):
    """How the ledger is written."""

    NDJSON = "ndjson"  # one JSON document a line
    CSV = "csv"  # RFC 4180, with a header


MEDIA_TYPES: Final = MappingProxyType(
    {Format.NDJSON: "application/x-ndjson", Format.CSV: "text/csv; charset=utf-8; header=present"}
)


def build_row(source: "Source", now: "LedgerNow", not_kept: "NotKept") -> dict[str, Any]:
    """One source's account, by the names of COLUMNS."""
    account = now.ledger.account(source.number)
    return {
        "source_id": source.id,
        "source_name": source.name,
        "accepted": account.accepted,
        "delivered": account.delivered,
        "waiting": account.waiting,
        "dead": account.dead,
        "expired": account.expired,
        "replayed": account.replayed,
        "refused": not_kept.refused,
        "privacy_dropped": not_kept.privacy_dropped,
        "uncounted_groups": now.uncounted_groups,
    }


def render_rows(rows: Iterable[Mapping[str, Any]], written: Format) -> Iterator[str]:
    """The rows as text, a line at a time."""
    if written is Format.CSV:
        yield _csv_line(COLUMNS)
    for row in rows:
        cells = {name: row[name] for name in COLUMNS}
        if written is Format.NDJSON:
            yield json.dumps(cells, ensure_ascii=False) + "\n"
        else:
            yield _csv_line(_as_text(value) for value in cells.values())


def _as_text(value: object) -> object:
    is_formula = isinstance(value, str) and value.startswith(_FORMULAS)
    return f"'{value}" if is_formula else value


def _csv_line(cells: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
