"""Sends one alert through one channel: webhook, mail or chat. What went wrong is a value."""

import asyncio
import json
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Final

from firstparty.alerts.messages import subject_of
from firstparty.config.settings import SmtpSettings
from firstparty.model.alerts import Alert, Channel, ChannelKind
from firstparty.outbound.http import Request, Response, SafeClient
from firstparty.outbound.urls import parse_https

_HTTP_TIMEOUT: Final = timedelta(seconds=15)
_SMTP_SECONDS: Final = 20.0
_MAX_ANSWER: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What a try came to. ``is_final``: trying again has no use. ``answer`` is for people."""

    is_delivered: bool
    answer: str
    is_final: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Sends alerts. ``client`` makes a client that goes to public addresses only."""

    smtp: SmtpSettings
    client: Callable[[], SafeClient]

    async def send(self, channel: Channel, alert: Alert, *, now: datetime) -> Attempt:
        """One try. Never raises for what the other side does."""
        match channel.kind:
            case ChannelKind.WEBHOOK:
                body, headers = build_webhook(channel, alert, now=now)
                return await self._post(channel.target, body, headers)
            case ChannelKind.SLACK:
                text = json.dumps({"text": alert.body["text"]}).encode()
                return await self._post(channel.target, text, ())
            case ChannelKind.EMAIL:
                return await asyncio.to_thread(self._mail, channel, alert, now)

    async def _post(
        self, target: str, body: bytes, headers: tuple[tuple[str, str], ...]
    ) -> Attempt:
        url = parse_https(target)
        client = self.client()
        try:
            answer = await client.fetch(
                Request(
                    method="POST",
                    host=url.host,
                    port=url.port,
                    target=url.target,
                    headers=(
                        ("Content-Type", "application/json"),
                        ("User-Agent", "firstparty"),
                        *headers,
                    ),
                    body=body,
                ),
                within=_HTTP_TIMEOUT,
            )
        finally:
            await client.close()
        if not isinstance(answer, Response):
            return Attempt(is_delivered=False, answer=answer.detail[:_MAX_ANSWER])
        is_taken = 200 <= answer.status < 300  # noqa: PLR2004 - RFC 9110 §15.3
        # 410: Standard Webhooks, the receiver wants no more of this.
        return Attempt(
            is_delivered=is_taken,
            answer=f"HTTP {answer.status}",
            is_final=answer.status == 410,  # noqa: PLR2004
        )

    def _mail(self, channel: Channel, alert: Alert, now: datetime) -> Attempt:
        if not self.smtp.host:
            answer = "no mail server is set: alerts.smtp.host"
            return Attempt(is_delivered=False, answer=answer, is_final=True)
        try:
            with self._connect() as server:
                if self.smtp.username:
                    server.login(self.smtp.username, self.smtp.password)
                server.send_message(build_mail(self.smtp.sender, channel, alert, now=now))
        except smtplib.SMTPRecipientsRefused:
            answer = "the mail server refuses the address"
            return Attempt(is_delivered=False, answer=answer, is_final=True)
        except (smtplib.SMTPException, OSError) as error:
            return Attempt(
                is_delivered=False, answer=f"{type(error).__name__}: {error}"[:_MAX_ANSWER]
            )
        return Attempt(is_delivered=True, answer="taken by the mail server")

    def _connect(self) -> smtplib.SMTP:
        smtp = self.smtp
        context = ssl.create_default_context(cafile=smtp.ca_bundle or None)
        if smtp.security == "tls":
            return smtplib.SMTP_SSL(smtp.host, smtp.port, timeout=_SMTP_SECONDS, context=context)
        server = smtplib.SMTP(smtp.host, smtp.port, timeout=_SMTP_SECONDS)
        if smtp.security == "starttls":
            server.starttls(context=context)
        return server


def build_webhook(
    channel: Channel, alert: Alert, *, now: datetime
) -> tuple[bytes, tuple[tuple[str, str], ...]]:
    """Body and headers as Standard Webhooks has them; the id is the same for every try."""
    from standardwebhooks import Webhook  # noqa: PLC0415 - it loads an HTTP client

    body = json.dumps(
        {"type": alert.type, "timestamp": alert.created_at.isoformat(), "data": alert.body}
    )
    signature = Webhook(channel.secret).sign(alert.id, now, body)
    return body.encode(), (
        ("webhook-id", alert.id),
        ("webhook-timestamp", str(int(now.timestamp()))),
        ("webhook-signature", signature),
    )


def build_mail(sender: str, channel: Channel, alert: Alert, *, now: datetime) -> EmailMessage:
    """The mail of an alert; the Message-ID is the same for every try."""
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = channel.target
    mail["Subject"] = subject_of(alert.body)
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = make_msgid(alert.id, domain=sender.rpartition("@")[2].rstrip(">"))
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5
    mail.set_content(f"{alert.body['text']}\n\nFirstparty, channel {channel.name}\n")
    return mail
