"""Revisions: a short text that changes with what people may change of a thing.

Who sends back the revision that they saw changes nothing that somebody else has changed since.
"""

import base64
import hashlib
from typing import Final

import msgspec

from firstparty.errors import Outdated
from firstparty.model.domains import Domain
from firstparty.model.workspaces import Source
from firstparty.store.members import Member

Revision = str | None  # None: whoever asks does not mind
_LENGTH: Final = 16  # 96 bits in base64


def revision_of(thing: Domain | Source | Member) -> str:
    """The revision of what is stored of a thing as intent; what was observed has no part in it."""
    digest = hashlib.sha256(msgspec.json.encode(thing, order="deterministic")).digest()
    return base64.urlsafe_b64encode(digest)[:_LENGTH].decode()


def require_revision(thing: Domain | Source | Member, expected: Revision) -> None:
    """Let a change go on that was made for the thing as it is; raises Outdated.

    Call it inside the transaction that changes the thing.
    """
    if expected is not None and expected != revision_of(thing):
        raise Outdated(
            "changed-meanwhile",
            "Somebody changed this since you looked: look again, then change what is there now.",
        )
