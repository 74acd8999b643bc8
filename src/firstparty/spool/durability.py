"""What a NATS server and its streams must promise before anything is acknowledged.

JetStream acknowledges before it has flushed unless told otherwise (``sync_interval: always``), and
a stream's ``persist_mode: async`` undoes that again. Both are looked at when a log is opened.
"""

import asyncio
import json
from typing import Any, Final

import nats.errors
from nats.aio.client import Client
from nats.js.api import (
    DiscardPolicy,
    PersistMode,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)

from firstparty.errors import Refused
from firstparty.telemetry import Log

# Answered by the system account; our own server's configuration exports it to us (server.py).
_SERVER_SETTINGS: Final = "$SYS.REQ.SERVER.PING.JSZ"
_SETTLE_SECONDS: Final = 0.25  # servers of a cluster answer one by one


class NotDurable(Refused):
    """The log would acknowledge what a power cut can take away; an operator must change it."""


async def check_servers(connection: Client) -> None:
    """Refuse servers that do not flush before they acknowledge. Raises NotDurable.

    Where the settings cannot be read (somebody else's server), that is said in the logs.
    """
    answers = await _ask_servers(connection)
    if not answers:
        Log("spool").warning(
            "spool.sync_unchecked",
            reason=f"the server does not let this account ask {_SERVER_SETTINGS}",
            wanted="sync_interval: always",
        )
    for answer in answers:
        server = answer.get("server", {}).get("name", "?")
        config = answer.get("data", {}).get("config") or {}
        if not config.get("sync_always", False):
            raise NotDurable(
                "log-not-synced",
                f"The NATS server {server!r} acknowledges messages before they are on disk. "
                "Set `sync_interval: always` in its jetstream block and restart it.",
            )


async def _ask_servers(connection: Client) -> list[dict[str, Any]]:
    """What every server that hears us says of its JetStream; empty where none may."""
    inbox = connection.new_inbox()
    subscription = await connection.subscribe(inbox)
    answers: list[dict[str, Any]] = []
    try:
        await connection.publish(_SERVER_SETTINGS, b'{"config":true}', reply=inbox)
        is_cluster = True
        async with asyncio.timeout(2.0):
            while is_cluster:
                message = await subscription.next_msg(timeout=1.0 if not answers else None)
                if not message.data:
                    break  # 503: nobody answers this subject to us
                answers.append(json.loads(message.data))
                is_cluster = bool(answers[0].get("server", {}).get("cluster"))
                if is_cluster:
                    await asyncio.sleep(_SETTLE_SECONDS)
                    is_cluster = subscription.pending_msgs > 0
    except (nats.errors.TimeoutError, TimeoutError):
        pass
    finally:
        await subscription.unsubscribe()
    return answers


def check_stream(config: StreamConfig) -> None:
    """Refuse a stream that may lose or drop what it acknowledged. Raises NotDurable."""
    wrong = [
        what
        for is_wrong, what in (
            (config.persist_mode == PersistMode.ASYNC, "persist_mode is async"),
            (config.storage != StorageType.FILE, "storage is not file"),
            (config.discard != DiscardPolicy.NEW, "discard is not new"),
            (config.retention != RetentionPolicy.LIMITS, "retention is not limits"),
            (bool(config.max_age), "max_age is set"),
            (config.max_msgs is not None and config.max_msgs > 0, "max_msgs is set"),
            (config.max_msgs_per_subject > 0, "max_msgs_per_subject is set"),
            (config.no_ack, "no_ack is set"),
        )
        if is_wrong
    ]
    if wrong:
        raise NotDurable(
            "stream-not-durable",
            f"The stream {config.name!r} may lose messages: {', '.join(wrong)}. "
            "Change these settings of the stream, or point spool.url at another account.",
        )
