"""ETag and If-Match (RFC 9110 §8.8.3, §13.1.1): updates that do not undo somebody else's."""

import re
from typing import Annotated, Final

from fastapi import Header, Response

from firstparty.control.revisions import Revision, revision_of
from firstparty.errors import Refused
from firstparty.model.domains import Domain
from firstparty.model.workspaces import Source
from firstparty.store.members import Member

_ETAG: Final = re.compile(r'"([A-Za-z0-9_-]{1,100})"')

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        description="The ETag that you saw: refused with 412 if somebody changed it since",
        max_length=200,
        examples=['"q1J2k3L4m5N6o7P8"'],
    ),
]


def read_if_match(header: str | None) -> Revision:
    """The revision that a change is for; None where any will do. Raises Refused."""
    if header is None or header.strip() == "*":
        return None
    found = _ETAG.fullmatch(header.strip())
    if found is None:
        raise Refused(
            "if-match-invalid",
            "If-Match is one ETag as it was answered, in its quotation marks.",
            field="If-Match",
        )
    return found[1]


def set_etag(response: Response, thing: Domain | Source | Member) -> None:
    """Say which revision the answer shows."""
    response.headers["ETag"] = f'"{revision_of(thing)}"'
