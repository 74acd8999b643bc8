from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from firstparty.alerts.messages import build_digest_body
from firstparty.alerts.plan import SOON, due_at, plan_alerts
from firstparty.alerts.send import Attempt, build_mail, build_webhook
from firstparty.alerts.serve import RETRIES, decide
from firstparty.control.callers import SYSTEM
from firstparty.control.channels import (
    ChannelChange,
    add_channel,
    change_channel,
    list_channels,
    remove_channel,
    show_channel,
    show_target,
    try_channel,
)
from firstparty.control.tokens import add_token
from firstparty.errors import Forbidden, NotFound, Refused
from firstparty.model.alerts import Alert, AlertState, Channel, ChannelKind, QuietHours
from firstparty.model.status import Word
from firstparty.model.workspaces import Role
from firstparty.store import alerts
from firstparty.store.domains import add_domain
from firstparty.store.sealing import Sealer
from firstparty.store.work import add_history, start_work
from tests.builders import NOW, a_domain
from tests.installation import Installation, a_caller, an_installation

SEALER = Sealer(bytes(32))
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
NIGHT = QuietHours(start=time(22), end=time(7), zone="Europe/Berlin")
AT_NIGHT = datetime(2026, 11, 21, 23, 30, tzinfo=ZoneInfo("Europe/Berlin"))


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    here = an_installation(tmp_path)
    for number, workspace in enumerate((here.ours, here.theirs)):
        domain = a_domain(
            id=f"dom_{number}",
            workspace_id=workspace.id,
            name=f"cdp.shop{number}.test",
            token=f"token{number}",
            source_ids=(),
        )
        with here.store.write() as connection:
            add_domain(connection, domain)
            start_work(connection, domain.id, now=NOW)
    return here


def make(here: Installation, kind: ChannelKind = ChannelKind.WEBHOOK, **parts: object) -> Channel:
    targets = {ChannelKind.EMAIL: "on@call.test"}
    good = {"name": "On call", "target": targets.get(kind, "https://hooks.test/x?key=hush")}
    return add_channel(
        here.store,
        SEALER,
        SYSTEM,
        workspace_id=here.ours.id,
        kind=kind,
        change=ChannelChange(**(good | parts)),  # type: ignore[arg-type]
        now=NOW,
    )


def happens(here: Installation, *words: Word, domain: str = "dom_0") -> None:
    with here.store.write() as connection:
        for word in words:
            add_history(connection, domain, word, at=NOW, codes=["host-unreachable"])


def finds(here: Installation, *acts: str, others: tuple[str, ...] = (), at: datetime = NOW) -> None:
    """A look at the live domain after which there is this to act on."""
    codes = [*acts, *others]
    with here.store.write() as connection:
        add_history(connection, "dom_0", Word.LIVE, at=at, codes=codes, acts=acts)


def plan(here: Installation, now: datetime = NOW) -> list[Alert]:
    """The alerts of the only channel after planning, oldest first."""
    with here.store.write() as connection:
        plan_alerts(connection, SEALER, now=now)
    [channel] = list_channels(here.store, SEALER, SYSTEM, workspace_id=here.ours.id)
    with here.store.read() as connection:
        found = alerts.list_alerts(connection, channel.id)
    return sorted(found, key=lambda one: one.key)


def test_a_change_is_told_once_however_often_it_is_planned(here: Installation) -> None:
    make(here)
    happens(here, Word.ISSUING, Word.LIVE, Word.FAILING)
    happens(here, Word.FAILING, domain="dom_1")
    first = plan(here)
    again = plan(here, NOW + 5 * MINUTE)
    once_more = plan(here, NOW + 10 * MINUTE)

    assert [one.type for one in first] == ["domain.live", "domain.failing"]
    assert first == again == once_more
    assert first[1].body["before"] == "live"
    assert first[1].body["findings"] == ["host-unreachable"]
    assert first[1].body["domain"] == {"id": "dom_0", "name": "cdp.shop0.test"}


def test_a_new_finding_is_told_though_the_word_stays(here: Installation) -> None:
    make(here)
    finds(here)
    finds(here, "proxy-cookies-set")
    finds(here, "proxy-cookies-set", "proxy-query-dropped")
    told = plan(here)

    assert [one.type for one in told] == ["domain.live", "domain.findings", "domain.findings"]
    assert [one.body["new_findings"] for one in told[1:]] == [
        ["proxy-cookies-set"],
        ["proxy-query-dropped"],
    ]
    assert (
        told[1]
        .body["text"]
        .startswith("cdp.shop0.test is live as before, and has something new to see to.")
    )


def test_a_finding_that_goes_or_that_nobody_must_act_on_is_not_told(here: Installation) -> None:
    make(here)
    finds(here, "proxy-cookies-set")
    finds(here)
    finds(here, others=("could-not-check",))

    assert [one.type for one in plan(here)] == ["domain.live"]


def test_a_finding_that_comes_and_goes_is_told_once_an_hour_at_most(here: Installation) -> None:
    make(here)
    finds(here, at=NOW - 5 * HOUR)
    for minutes in range(0, 40, 4):
        at = NOW + minutes * MINUTE
        finds(here, "proxy-cookies-set", at=at)
        finds(here, at=at + 2 * MINUTE)
    flapping = plan(here)
    finds(here, "proxy-cookies-set", at=NOW + 3 * HOUR)

    assert [one.type for one in flapping] == ["domain.live", "domain.findings"]
    assert [one.type for one in plan(here)] == ["domain.live", *["domain.findings"] * 2]


def test_what_was_before_the_channel_is_not_told(here: Installation) -> None:
    happens(here, Word.LIVE)
    make(here)
    happens(here, Word.WARNING, Word.LIVE)

    assert [one.body["text"].partition(".test ")[2] for one in plan(here)] == [
        "is live, and needs attention.",
        "is live again.",
    ]


def test_a_channel_switched_on_again_tells_what_happens_from_then_on(here: Installation) -> None:
    channel = make(here)
    for is_enabled in (False, True):
        change_channel(
            here.store,
            SEALER,
            SYSTEM,
            channel.id,
            change=ChannelChange(is_enabled=is_enabled),
            now=NOW,
        )
        if not is_enabled:
            happens(here, Word.FAILING)

    assert plan(here) == []
    happens(here, Word.LIVE)
    assert [one.type for one in plan(here)] == ["domain.live"]


@pytest.mark.parametrize(
    ("at", "quiet", "end"),
    [
        ("23:30", NIGHT, "07:00"),
        ("06:59", NIGHT, "07:00"),
        ("07:00", NIGHT, None),
        ("21:59", NIGHT, None),
        ("12:30", QuietHours(start=time(12), end=time(13), zone="Europe/Berlin"), "13:00"),
        ("13:00", QuietHours(start=time(12), end=time(13), zone="Europe/Berlin"), None),
    ],
)
def test_quiet_hours_end_by_the_clock_of_their_zone(
    at: str, quiet: QuietHours, end: str | None
) -> None:
    zone = ZoneInfo("Europe/Berlin")
    now = datetime.combine(NOW.date(), time.fromisoformat(at), tzinfo=zone).astimezone(NOW.tzinfo)
    ends = quiet.end_of_quiet(now)

    assert (ends and f"{ends.astimezone(zone):%H:%M}") == end
    assert ends is None or now < ends < now + timedelta(days=1)


def test_in_quiet_hours_only_what_is_failing_is_told(here: Installation) -> None:
    channel = make(here, quiet=("22:00", "07:00", "Europe/Berlin"))
    happens(here, Word.FAILING, Word.LIVE)
    now = AT_NIGHT.astimezone(NOW.tzinfo)
    failing, live = sorted(plan(here, now)[-2:], key=lambda one: one.type)

    assert failing.due_at == now
    assert live.due_at == due_at(channel, now) == now + timedelta(hours=7.5)


def test_the_digest_comes_once_a_day_and_only_with_something_in_it(here: Installation) -> None:
    make(here)
    early = NOW.replace(hour=8)
    good = {"workspace_id": here.ours.id, "role": Role.VIEWER, "now": NOW - MINUTE}
    add_token(here.store, SYSTEM, name="Soon", expires_at=NOW + SOON - MINUTE, **good)
    add_token(here.store, SYSTEM, name="Later", expires_at=NOW + SOON + MINUTE, **good)

    assert plan(here, early) == []
    [digest] = plan(here, NOW)
    assert plan(here, NOW + 60 * MINUTE) == [digest]
    assert digest.body["tokens"][0]["name"] == "Soon"
    assert len(digest.body["tokens"]) == 1
    assert len(plan(here, NOW + timedelta(days=1))) == 2
    assert build_digest_body(certificates=(), tokens=()) is None


def test_a_webhook_is_signed_as_its_receiver_verifies_it(here: Installation) -> None:
    channel = make(here)
    alert = try_channel(here.store, SEALER, SYSTEM, channel.id, now=NOW)
    now = datetime.now(NOW.tzinfo)
    body, headers = build_webhook(channel, alert, now=now)
    told = Webhook(channel.secret).verify(body, dict(headers))

    assert told["type"] == "test"
    assert dict(headers)["webhook-id"] == alert.id
    with pytest.raises(WebhookVerificationError):
        Webhook(channel.secret).verify(body.replace(b"test", b"tset"), dict(headers))


def test_a_mail_cannot_be_given_more_headers(here: Installation) -> None:
    channel = make(here, ChannelKind.EMAIL)
    alert = try_channel(here.store, SEALER, SYSTEM, channel.id, now=NOW)
    evil = Alert(
        **{
            **{name: getattr(alert, name) for name in Alert.__slots__},
            "body": {"text": "Hello\nBcc: everybody@shop.test"},
        }
    )
    mail = build_mail("fp@shop.test", channel, evil, now=NOW)

    assert mail["Bcc"] is None
    assert mail["To"] == "on@call.test"
    assert mail["Subject"] == "Hello"


def test_tries_are_repeated_ever_more_slowly_and_then_given_up() -> None:
    refused = Attempt(is_delivered=False, answer="HTTP 500")
    pauses = []
    for tries in range(1, len(RETRIES) + 1):
        state, due = decide(refused, tries=tries, now=NOW)
        assert state is AlertState.WAITING
        assert due is not None
        pauses.append(due - NOW)

    assert pauses == sorted(pauses)
    assert decide(refused, tries=len(RETRIES) + 1, now=NOW) == (AlertState.FAILED, None)
    gone = Attempt(is_delivered=False, answer="HTTP 410", is_final=True)
    assert decide(gone, tries=1, now=NOW) == (AlertState.FAILED, None)
    taken = Attempt(is_delivered=True, answer="HTTP 204")
    assert decide(taken, tries=1, now=NOW) == (AlertState.DELIVERED, None)


@pytest.mark.parametrize(
    ("kind", "parts", "field"),
    [
        (ChannelKind.WEBHOOK, {"target": "http://hooks.test/"}, "target"),
        (ChannelKind.WEBHOOK, {"target": "https://a b/"}, "target"),
        (ChannelKind.SLACK, {"target": "https://user:pw@hooks.test/"}, "target"),
        (ChannelKind.EMAIL, {"target": "nobody"}, "email"),
        (ChannelKind.WEBHOOK, {"name": " "}, "name"),
        (ChannelKind.WEBHOOK, {"quiet": ("22", "7:00", "UTC")}, "quiet"),
        (ChannelKind.WEBHOOK, {"quiet": ("22:00", "22:00", "UTC")}, "quiet"),
        (ChannelKind.WEBHOOK, {"quiet": ("22:00", "07:00", "../../etc/passwd")}, "quiet"),
    ],
)
def test_a_wrong_part_is_refused_by_name(
    here: Installation, kind: ChannelKind, parts: dict[str, object], field: str
) -> None:
    with pytest.raises(Refused) as refused:
        make(here, kind, **parts)

    assert refused.value.field == field


def test_channels_are_for_admins_of_the_workspace(here: Installation) -> None:
    channel = make(here, ChannelKind.SLACK)

    with pytest.raises(Forbidden):
        show_channel(here.store, SEALER, a_caller(Role.EDITOR, here.ours), channel.id)
    with pytest.raises(NotFound):
        show_channel(here.store, SEALER, a_caller(Role.OWNER, here.theirs), channel.id)
    assert show_target(channel) == "https://hooks.test/…"
    admin = a_caller(Role.ADMIN, here.ours)
    assert remove_channel(here.store, SEALER, admin, channel.id, now=NOW) == channel
    assert list_channels(here.store, SEALER, admin, workspace_id=here.ours.id) == []


def test_no_target_and_no_secret_is_in_the_store_in_the_clear(
    here: Installation, tmp_path: Path
) -> None:
    channel = make(here)
    here.store.close()
    stored = b"".join(file.read_bytes() for file in tmp_path.glob("store.db*"))

    assert channel.id.encode() in stored
    assert b"hush" not in stored
    assert channel.secret.encode() not in stored
