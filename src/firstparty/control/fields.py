"""Free text that people give: names of things and descriptions."""

import unicodedata
from typing import Final

from firstparty.errors import Refused

MAX_TITLE: Final = 100
MAX_DESCRIPTION: Final = 2_000


def parse_title(text: str, *, field: str) -> str:
    """A name of a thing, without blanks around it; raises Refused."""
    title = text.strip()
    if not title:
        raise Refused("title-empty", "Give it a name that people recognise.", field=field)
    if len(title) > MAX_TITLE:
        raise Refused(
            "title-too-long",
            f"The name has {len(title)} characters; {MAX_TITLE} is the most.",
            field=field,
        )
    _refuse_controls(title, field=field, allowed="")
    return title


def parse_description(text: str, *, field: str) -> str:
    """A few sentences, line breaks allowed; raises Refused."""
    description = text.strip()
    if len(description) > MAX_DESCRIPTION:
        raise Refused(
            "description-too-long",
            f"The text has {len(description)} characters; {MAX_DESCRIPTION:,} is the most.",
            field=field,
        )
    _refuse_controls(description, field=field, allowed="\r\n\t")
    return description


def _refuse_controls(text: str, *, field: str, allowed: str) -> None:
    # Cc: control characters, which terminals obey. Cs: half a surrogate pair, which is no text.
    for character in text:
        if unicodedata.category(character) in {"Cc", "Cs"} and character not in allowed:
            raise Refused(
                "text-has-control-character",
                f"The character U+{ord(character):04X} is not text: leave it out.",
                field=field,
            )
