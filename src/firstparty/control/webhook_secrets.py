"""The secret that a source's webhook checks our signatures with: made, and sealed for the edge.

It is sealed with the edge's key before it is stored: only what signs with it can open it.
"""

import base64
import secrets
from typing import Final

from firstparty.control.rules import Rules
from firstparty.model.upstreams import UpstreamKind, find_kind, secret_context
from firstparty.store.sealing import load_sealer

_NONE: Final = ("", b"")


def new_secret(source_id: str, rules: Rules) -> tuple[str, bytes]:
    """A secret as Standard Webhooks write it, to be shown once, and the same sealed."""
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    sealer = load_sealer(rules.edge_key)
    return secret, sealer.seal(secret.encode(), context=secret_context(source_id))


def secret_for(upstream: str, source_id: str, rules: Rules) -> tuple[str, bytes]:
    """The same where the upstream is a webhook; nothing where it is not."""
    return new_secret(source_id, rules) if is_webhook(upstream) else _NONE


def is_webhook(upstream: str) -> bool:
    """Whether what goes to this upstream is signed."""
    return find_kind(upstream) is UpstreamKind.WEBHOOK
