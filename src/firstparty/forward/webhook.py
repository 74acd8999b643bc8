"""Delivery to a webhook: each batch as one request, signed as Standard Webhooks say.

The receiver sees the batch that a tracking API would see, without the write key, and knows from
``webhook-signature`` that we sent it. ``webhook-id`` is the same for every try of a batch.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from standardwebhooks import Webhook

from firstparty.forward.batch import build_batch
from firstparty.forward.delivery import Answer, read_date
from firstparty.forward.upstream import HttpPoster
from firstparty.model.feed import EdgeSource
from firstparty.model.upstreams import WEBHOOK_PREFIX, secret_context
from firstparty.store.sealing import SealBroken, Sealer

# Receivers refuse what was signed longer ago, or later, than five minutes (Standard Webhooks).
_GOOD_FOR: Final = timedelta(minutes=5)
_CLOSE: Final = timedelta(seconds=60)  # what a request may take on its way


class WebhookUpstream:
    """Posts signed batches to the URL of each source."""

    def __init__(self, poster: HttpPoster, sealer: Sealer) -> None:
        """``sealer`` is the edge's: it opens the sources' secrets."""
        self._poster = poster
        self._sealer = sealer

    async def send(
        self, source: EdgeSource, texts: Sequence[bytes], *, sent_at: datetime
    ) -> Answer:
        """POST the messages, signed with the source's own secret, and the one before it."""
        try:
            secrets = self._open_secrets(source)
        except SealBroken as error:
            return Answer(refusal=f"the webhook's secret cannot be opened: {error}")
        if not secrets:
            return Answer(refusal="the webhook has no secret yet: make one")
        now = datetime.now(UTC)
        body = build_batch(texts, sent_at=sent_at, write_key=None)
        identifier = "msg_" + hashlib.sha256(b",".join(texts)).hexdigest()[:32]
        text = body.decode()
        signatures = (Webhook(secret).sign(identifier, now, text) for secret in secrets)
        answer = await self._poster.post(
            source.upstream.removeprefix(WEBHOOK_PREFIX),
            [body],
            headers={
                "webhook-id": identifier,
                "webhook-timestamp": str(int(now.timestamp())),
                "webhook-signature": " ".join(signatures),
            },
        )
        return _blame_clocks(answer, now=now)

    def _open_secrets(self, source: EdgeSource) -> list[str]:
        context = secret_context(source.id)
        sealed = (source.sealed_secret, source.sealed_old_secret)
        return [self._sealer.open(one, context=context).decode() for one in sealed if one]


def _blame_clocks(answer: Answer, *, now: datetime) -> Answer:
    """What a receiver refuses whose clock, or ours, is wrong says nothing about the messages."""
    there = read_date(answer)
    if answer.status is None or not 400 <= answer.status < 500 or there is None:  # noqa: PLR2004 - RFC 9110 §15.5
        return answer
    ahead = now - there
    if abs(ahead) < _GOOD_FOR - _CLOSE:
        return answer
    return Answer(
        refusal=f"{answer}, and our clock is {ahead.total_seconds():+.0f} s from the webhook's: "
        "signatures are good for five minutes"
    )
