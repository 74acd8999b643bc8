"""Alerts: through which channels a workspace hears of its domains, and what is worth telling."""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from firstparty.model.status import Word


class ChannelKind(StrEnum):
    """How a channel reaches people or programs."""

    WEBHOOK = "webhook"  # Standard Webhooks
    EMAIL = "email"
    SLACK = "slack"  # an incoming webhook of Slack, or of what understands the same


class AlertState(StrEnum):
    """Where an alert stands."""

    WAITING = "waiting"  # for its time, or for another try
    DELIVERED = "delivered"  # the other side took it
    FAILED = "failed"  # given up


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """Local times between which a channel is silent, except for what is failing."""

    start: time
    end: time
    zone: str = "UTC"

    def end_of_quiet(self, now: datetime) -> datetime | None:
        """When quiet ends, if it is quiet now; None if it is not. ``now`` is aware."""
        local = now.astimezone(ZoneInfo(self.zone))
        clock = local.time()
        if self.start <= self.end:
            is_quiet, is_tomorrow = self.start <= clock < self.end, False
        else:  # over midnight
            is_quiet = clock >= self.start or clock < self.end
            is_tomorrow = clock >= self.start
        if not is_quiet:
            return None
        day = local.date() + timedelta(days=1 if is_tomorrow else 0)
        return datetime.combine(day, self.end, tzinfo=ZoneInfo(self.zone)).astimezone(now.tzinfo)


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A way to somebody. ``target`` is an address or URL; ``secret`` signs webhooks."""

    id: str
    workspace_id: str
    name: str
    kind: ChannelKind
    target: str = field(repr=False)
    secret: str = field(default="", repr=False)
    is_enabled: bool = True
    quiet: QuietHours | None = None
    created_at: datetime = field(kw_only=True)
    told: int = 0
    digest_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something told through a channel. ``key`` is the same for the same thing: told once."""

    id: str
    channel_id: str
    key: str
    type: str
    body: dict[str, Any]
    state: AlertState = AlertState.WAITING
    tries: int = 0
    due_at: datetime | None = None
    answer: str = ""
    created_at: datetime = field(kw_only=True)
    changed_at: datetime = field(kw_only=True)


# Words on the way to live are no news: the page for it shows them as they come.
_NEWS: Final = frozenset({Word.LIVE, Word.WARNING, Word.FAILING, Word.PAUSED, Word.REMOVED})


def is_news(word: Word) -> bool:
    """Whether a domain's change to this word is told."""
    return word in _NEWS
