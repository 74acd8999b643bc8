"""Alerts sent for real: to a TLS server of one's own, and to a real SMTP server."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from standardwebhooks import Webhook

from firstparty.alerts.send import Sender
from firstparty.alerts.serve import tell_once
from firstparty.config.settings import SmtpSettings
from firstparty.control.callers import SYSTEM
from firstparty.control.channels import ChannelChange, add_channel, list_deliveries, try_channel
from firstparty.control.tokens import add_token
from firstparty.model.alerts import AlertState, Channel, ChannelKind
from firstparty.model.workspaces import Role
from firstparty.outbound.http import SafeClient
from firstparty.store.sealing import Sealer
from tests.fakes.throwaway_ca import ThrowawayCa
from tests.installation import Installation, an_installation
from tests.nats_server import free_port

SEALER = Sealer(bytes(32))
NOW = datetime.now(UTC)  # signatures are good for minutes only: see is_signed


@dataclass
class Receiver:
    """Answers with the statuses it is told, one after the other, then 204."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.got.append((headers, await request.read()))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 204)


@asynccontextmanager
async def receiving(ca: ThrowawayCa) -> AsyncIterator[Receiver]:
    receiver, port = Receiver(), free_port()
    app = web.Application()
    app.router.add_post("/{path:.*}", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=ca.context(ca.leaf())).start()
    receiver.url = f"https://localhost:{port}/hooks/hush"
    try:
        yield receiver
    finally:
        await runner.cleanup()


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    return an_installation(tmp_path)


@pytest.fixture
def ca(tmp_path: Path) -> ThrowawayCa:
    return ThrowawayCa(tmp_path)


def make(here: Installation, kind: ChannelKind, target: str) -> Channel:
    return add_channel(
        here.store,
        SEALER,
        SYSTEM,
        workspace_id=here.ours.id,
        kind=kind,
        change=ChannelChange(name="On call", target=target),
        now=NOW,
    )


def sender(ca: ThrowawayCa, *, allow_private: bool = True, **smtp: Any) -> Sender:
    return Sender(
        smtp=SmtpSettings(**smtp),
        client=lambda: SafeClient(allow_private=allow_private, ca_pem=ca.pem),
    )


async def send(here: Installation, channel: Channel, by: Sender, *nows: datetime) -> Any:
    """The delivery of a test alert after a look at each of these times."""
    try_channel(here.store, SEALER, SYSTEM, channel.id, now=NOW)
    for now in nows or (NOW,):
        await tell_once(store=here.store, sealer=SEALER, sender=by, now=now)
    return list_deliveries(here.store, SEALER, SYSTEM, channel.id)[0]


def is_signed(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the signature is right, however long ago this module was read."""
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    signature = Webhook(secret).sign(headers["webhook-id"], at, body.decode())
    return signature in headers["webhook-signature"].split(" ")


async def test_a_webhook_refused_at_first_is_sent_again_with_the_same_id(
    here: Installation, ca: ThrowawayCa
) -> None:
    async with receiving(ca) as receiver:
        receiver.statuses = [500]
        channel = make(here, ChannelKind.WEBHOOK, receiver.url)
        early, later = NOW + timedelta(seconds=4), NOW + timedelta(seconds=6)
        delivery = await send(here, channel, sender(ca), NOW, early, later, later)

    assert delivery.state is AlertState.DELIVERED
    assert delivery.tries == len(receiver.got) == 2
    assert {headers["webhook-id"] for headers, _ in receiver.got} == {delivery.id}
    headers, body = receiver.got[-1]
    assert is_signed(channel.secret, headers, body)
    assert json.loads(body)["type"] == "test"


async def test_a_receiver_that_is_gone_is_asked_no_more(
    here: Installation, ca: ThrowawayCa
) -> None:
    async with receiving(ca) as receiver:
        receiver.statuses = [410]
        channel = make(here, ChannelKind.SLACK, receiver.url)
        delivery = await send(here, channel, sender(ca), NOW, NOW + timedelta(days=1))

    assert (delivery.state, delivery.answer) == (AlertState.FAILED, "HTTP 410")
    assert [body for _, body in receiver.got] == [
        b'{"text": "A test of the channel On call: it works."}'
    ]


async def test_a_private_address_is_never_asked(here: Installation, ca: ThrowawayCa) -> None:
    async with receiving(ca) as receiver:
        channel = make(here, ChannelKind.WEBHOOK, receiver.url)
        delivery = await send(here, channel, sender(ca, allow_private=False))

    assert receiver.got == []
    assert delivery.state is AlertState.WAITING
    assert "not a public one" in delivery.answer


class Mailbox:
    """What a real SMTP server does with mail that it takes."""

    def __init__(self) -> None:
        self.mails: list[Envelope] = []

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name for it
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del server, session, options
        if address.startswith("unknown"):
            return "550 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name for it
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        del server, session
        self.mails.append(envelope)
        return "250 taken"


@asynccontextmanager
async def mail_server(ca: ThrowawayCa) -> AsyncIterator[tuple[Mailbox, dict[str, Any]]]:
    box, port = Mailbox(), free_port()

    def authenticate(
        server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        del server, session, envelope, mechanism
        return AuthResult(success=data == LoginPassword(b"fp", b"mail secret"))

    context: ssl.SSLContext = ca.context(ca.leaf())
    controller = Controller(
        box,
        hostname="127.0.0.1",
        port=port,
        tls_context=context,
        require_starttls=True,
        auth_required=True,
        authenticator=authenticate,
    )
    await asyncio.to_thread(controller.start)
    try:
        yield (
            box,
            {
                "host": "127.0.0.1",
                "port": port,
                "username": "fp",
                "password": "mail secret",
                "sender": "alerts@shop.test",
                "ca_bundle": str(ca.file),
            },
        )
    finally:
        await asyncio.to_thread(controller.stop)


async def test_a_mail_goes_out_over_tls_and_signed_in(here: Installation, ca: ThrowawayCa) -> None:
    async with mail_server(ca) as (box, smtp):
        channel = make(here, ChannelKind.EMAIL, "on@call.test")
        delivery = await send(here, channel, sender(ca, **smtp))

    assert (delivery.state, delivery.answer) == (AlertState.DELIVERED, "taken by the mail server")
    [mail] = box.mails
    assert mail.rcpt_tos == ["on@call.test"]
    assert b"Subject: A test of the channel On call" in (mail.original_content or b"")


async def test_a_wrong_password_is_tried_again_and_an_unknown_address_is_not(
    here: Installation, ca: ThrowawayCa
) -> None:
    async with mail_server(ca) as (box, smtp):
        known = make(here, ChannelKind.EMAIL, "on@call.test")
        first = await send(here, known, sender(ca, **(smtp | {"password": "wrong"})))
        unknown = make(here, ChannelKind.EMAIL, "unknown@call.test")
        second = await send(here, unknown, sender(ca, **smtp))

    assert box.mails == []
    assert first.state is AlertState.WAITING
    assert "mail secret" not in first.answer
    assert second.state is AlertState.FAILED


async def test_without_a_mail_server_that_is_said(here: Installation, ca: ThrowawayCa) -> None:
    channel = make(here, ChannelKind.EMAIL, "on@call.test")
    delivery = await send(here, channel, sender(ca))

    assert delivery.state is AlertState.FAILED
    assert "alerts.smtp.host" in delivery.answer


async def test_a_digest_is_sent_though_nothing_else_happens(
    here: Installation, ca: ThrowawayCa
) -> None:
    noon = NOW.replace(hour=12)
    async with receiving(ca) as receiver:
        make(here, ChannelKind.SLACK, receiver.url)
        add_token(
            here.store,
            SYSTEM,
            workspace_id=here.ours.id,
            name="Deployment",
            role=Role.VIEWER,
            expires_at=NOW + timedelta(days=3),
            now=NOW,
        )
        by = sender(ca)
        for may_digest in (False, True, True):
            await tell_once(
                store=here.store, sealer=SEALER, sender=by, now=noon, may_digest=may_digest
            )

    assert len(receiver.got) == 1
    assert b"The API token Deployment ends on" in receiver.got[0][1]
