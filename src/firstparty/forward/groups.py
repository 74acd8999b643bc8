"""One group of the log, opened: its messages by source. Pure."""

from collections import defaultdict
from datetime import UTC, datetime
from ipaddress import IPv4Address
from typing import Final

from firstparty.forward.expand import BadMessage, Line, Origin, Position, expand
from firstparty.model.messages import Encoding, Path
from firstparty.spool.direct import StoredGroup
from firstparty.spool.entries import BadGroup, Entry, decode_group

UNREADABLE: Final = 0  # the account of groups that cannot be read; no source has this number


def open_group(group: StoredGroup) -> dict[int, list[Line]]:
    """What a group holds, by source number; a group that cannot be read is one bad message."""
    try:
        entries = decode_group(group.data)
    except BadGroup as error:
        return {UNREADABLE: [describe_unreadable(group, str(error))]}
    found: defaultdict[int, list[Line]] = defaultdict(list)
    for index, entry in enumerate(entries):
        found[entry.source] += expand(entry, sequence=group.sequence, index=index)
    return found


def describe_unreadable(group: StoredGroup, reason: str) -> BadMessage:
    """The whole group as one bad message."""
    entry = Entry(
        id=bytes(16),
        received_at=datetime.now(UTC),
        source=UNREADABLE,
        path=Path.BATCH,
        encoding=Encoding.IDENTITY,
        client_address=IPv4Address(0),
        user_agent="",
        body=b"",
    )
    return BadMessage(
        position=Position(group.sequence, 0, 0),
        origin=Origin(entry=entry),
        raw=group.data,
        reason=f"unreadable: {reason}",
    )
