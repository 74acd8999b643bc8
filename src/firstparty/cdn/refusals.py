"""Versions of Analytics.js that were not taken over, kept beside those that were.

A refusal stays until that version or a newer one is taken over: so whoever looks later, the CDN
role too, knows that what is served is not what was wanted.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from firstparty.cdn.versions import order_of, replace_file

_FOLDER: Final = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A version, and the sentence that says why it cannot be served."""

    version: str
    reason: str


def note_refusal(state: Path, version: str, reason: str) -> None:
    """Keep that this version was refused. Writes a file."""
    folder = state / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / f"{version}.txt", reason.encode())


def clear_refusals(state: Path, version: str) -> None:
    """Forget refusals of this version and of older ones. Deletes files."""
    for one in list_refusals(state):
        if order_of(one.version) <= order_of(version):
            (state / _FOLDER / f"{one.version}.txt").unlink(missing_ok=True)


def list_refusals(state: Path) -> tuple[Refusal, ...]:
    """What was refused and still matters, oldest version first. Reads files."""
    found = []
    for path in (state / _FOLDER).glob("[0-9]*.txt"):
        try:
            found.append(Refusal(version=path.stem, reason=path.read_text()))
        except OSError:  # cleared meanwhile
            continue
    return tuple(sorted(found, key=lambda one: order_of(one.version)))
