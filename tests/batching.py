"""Entries of the log, and the messages that the upstream finds of them."""

import ipaddress
import json
from datetime import UTC, datetime
from typing import Any

from firstparty.forward.batch import Prepared, build_batch, prepare
from firstparty.forward.expand import BadMessage, Message, expand
from firstparty.model.messages import Encoding, Path
from firstparty.spool.entries import Entry

RECEIVED = datetime(2026, 11, 21, 12, 0, 5, tzinfo=UTC)
CLIENT = ipaddress.ip_address("192.0.2.7")


def an_entry(body: Any, *, path: Path = Path.BATCH, **changes: Any) -> Entry:
    fields: dict[str, Any] = {
        "id": bytes(range(16)),
        "received_at": RECEIVED,
        "source": 7,
        "path": path,
        "encoding": Encoding.IDENTITY,
        "client_address": CLIENT,
        "user_agent": "test",
        "body": body if isinstance(body, bytes) else json.dumps(body).encode(),
        **changes,
    }
    return Entry(**fields)


def opened(entry: Entry) -> list[Message | BadMessage]:
    return expand(entry, sequence=3, index=1)


def sent(
    entry: Entry, *, source_type: str = "python", at: datetime = RECEIVED
) -> list[dict[str, Any]]:
    """The messages as the upstream finds them."""
    items = [prepare(line, source_type=source_type) for line in opened(entry)]
    bodies = [item.text for item in items if isinstance(item, Prepared)]
    return list(json.loads(build_batch(bodies, sent_at=at, write_key="WK"))["batch"])


def for_python(line: Message | BadMessage) -> Prepared | BadMessage:
    return prepare(line, source_type="python")
