"""Delivery to a webhook: each batch as one request, signed as Standard Webhooks say.

The receiver sees the batch that a tracking API would see, without the write key, and knows from
``webhook-signature`` that we sent it. ``webhook-id`` is the same for every try of a batch.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook

from firstparty.forward.batch import build_batch
from firstparty.forward.delivery import Answer
from firstparty.forward.upstream import HttpPoster
from firstparty.model.feed import EdgeSource
from firstparty.model.upstreams import WEBHOOK_PREFIX


class WebhookUpstream:
    """Posts signed batches to the URL of each source."""

    def __init__(self, poster: HttpPoster) -> None:
        self._poster = poster

    async def send(self, source: EdgeSource, texts: Sequence[bytes]) -> Answer:
        """POST the messages, signed with the source's own secret."""
        now = datetime.now(UTC)
        body = build_batch(texts, sent_at=now, write_key=None)
        identifier = "msg_" + hashlib.sha256(b",".join(texts)).hexdigest()[:32]
        signature = Webhook(source.webhook_secret).sign(identifier, now, body.decode())
        return await self._poster.post(
            source.upstream.removeprefix(WEBHOOK_PREFIX),
            body,
            headers={
                "webhook-id": identifier,
                "webhook-timestamp": str(int(now.timestamp())),
                "webhook-signature": signature,
            },
        )
