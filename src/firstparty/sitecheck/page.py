"""What a page says of itself when it is asked in its own world, read strictly: it may lie."""

from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec

from firstparty.sitecheck.consent import list_globals
from firstparty.sitecheck.observed import Script

_MAX_TEXT: Final = 2 * 1024 * 1024


class _Element(msgspec.Struct, frozen=True):
    src: str
    text: str
    global_name: str


class PageSays(msgspec.Struct, frozen=True):
    """The answer of ``page_facts.js``."""

    url: str
    metas: tuple[str, ...]
    scripts: tuple[_Element, ...]
    globals: tuple[str, ...]

    def build_scripts(self) -> tuple[Script, ...]:
        """Its script elements."""
        return tuple(
            Script(src=one.src, text=one.text, global_name=one.global_name) for one in self.scripts
        )


@cache
def build_question() -> str:
    """The expression that a page is asked to evaluate."""
    source = files("firstparty.sitecheck").joinpath("page_facts.js").read_text()
    names = msgspec.json.encode(list_globals()).decode()
    return source.replace("(NAMES)", f"({names})")


def read_answer(value: Any) -> PageSays | None:
    """What the page said; None for what is no answer to the question."""
    if not isinstance(value, str) or len(value) > _MAX_TEXT:
        return None
    try:
        return msgspec.json.decode(value, type=PageSays)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None
