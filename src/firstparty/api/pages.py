"""Lists come in pages: the items, and the cursor of the page after."""

from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, Field

Item = TypeVar("Item")
Found = TypeVar("Found")


class Page(BaseModel, Generic[Item]):
    """Some items of a list, in the list's own stable order."""

    items: list[Item]
    next: Annotated[
        str | None, Field(description="Send it as `after` to get the page after; null on the last")
    ]


def build_page(
    found: Sequence[Found],
    limit: int,
    *,
    build: Callable[[Found], Item],
    cursor: Callable[[Found], str],
) -> Page[Item]:
    """A page of up to ``limit`` of what was ``found``, which is one more where more is there."""
    shown = found[:limit]
    return Page(
        items=[build(one) for one in shown],
        next=cursor(shown[-1]) if len(found) > limit else None,
    )
