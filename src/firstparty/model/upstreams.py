"""Where a source's messages may go: the kinds of upstream, told apart by how it is written.

``https://HOST`` is an origin with a tracking API; ``webhook+https://HOST/PATH`` gets each batch,
signed; ``files:ndjson`` and ``files:parquet`` are files in a directory that the operator names.
"""

from enum import StrEnum
from typing import Final

WEBHOOK_PREFIX: Final = "webhook+"


def secret_context(source_id: str) -> str:
    """What the secret of a source's webhook is sealed with."""
    return f"webhook:{source_id}"


class UpstreamKind(StrEnum):
    """How messages are handed on."""

    TRACKING = "tracking"
    WEBHOOK = "webhook"
    NDJSON = "files:ndjson"
    PARQUET = "files:parquet"


def find_kind(upstream: str) -> UpstreamKind:
    """The kind of an upstream as a source has it."""
    if upstream.startswith(WEBHOOK_PREFIX):
        return UpstreamKind.WEBHOOK
    if upstream in {UpstreamKind.NDJSON, UpstreamKind.PARQUET}:
        return UpstreamKind(upstream)
    return UpstreamKind.TRACKING
