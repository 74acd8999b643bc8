"""Alerts of a workspace: its channels, a test of each, and what was told."""

from http import HTTPStatus
from typing import Any, Final

from starlette.responses import Response

from firstparty.console.failures import status_of
from firstparty.console.once import redirect_once, take_once
from firstparty.console.pages import redirect, render_page
from firstparty.console.team import team_values
from firstparty.console.visits import Form, Visit
from firstparty.control import channels
from firstparty.control.channels import ChannelChange, show_target
from firstparty.errors import Forbidden, NotFound, Refused
from firstparty.model.alerts import Channel, ChannelKind

_TOLD: Final = 5  # the last ones of each channel
_EMPTY: Final = {"kind": ChannelKind.EMAIL, "zone": "UTC"}


def show_channels(visit: Visit) -> Response:
    """Every channel with its last alerts, and a form for one more."""
    return _render(visit, dict(_EMPTY), once=take_once(visit, _subject(visit)))


def add_channel(visit: Visit) -> Response:
    """Make one. A webhook's secret is on the page that comes next, and nowhere else."""
    form = visit.form
    try:
        channel = channels.add_channel(
            visit.place.store,
            visit.place.sealer,
            visit.caller,
            workspace_id=visit.path["workspace_id"],
            kind=_parse_kind(form),
            change=ChannelChange(
                name=form.text("name"), target=form.text("target"), quiet=_quiet(form)
            ),
            now=visit.now,
        )
    except (NotFound, Forbidden):
        raise
    except Refused as refused:
        return _render(visit, form.typed(), wrong=refused)
    if not channel.secret:
        return _back(visit, flash="channel-added")
    return redirect_once(
        visit,
        f"/workspaces/{visit.path['workspace_id']}/alerts",
        subject=_subject(visit),
        facts={"name": channel.name, "secret": channel.secret},
    )


def try_channel(visit: Visit) -> Response:
    """Send a test through it."""
    channel = _load(visit)
    place = visit.place
    channels.try_channel(place.store, place.sealer, visit.caller, channel.id, now=visit.now)
    return _back(visit, flash="channel-tried")


def switch_channel(visit: Visit) -> Response:
    """Switch it off, or on again."""
    channel = _load(visit)
    channels.change_channel(
        visit.place.store,
        visit.place.sealer,
        visit.caller,
        channel.id,
        change=ChannelChange(is_enabled=not channel.is_enabled),
        now=visit.now,
    )
    return _back(visit, flash="channel-off" if channel.is_enabled else "channel-on")


def remove_channel(visit: Visit) -> Response:
    """Forget it, and what was told through it."""
    channel = _load(visit)
    place = visit.place
    channels.remove_channel(place.store, place.sealer, visit.caller, channel.id, now=visit.now)
    return _back(visit, flash="channel-removed")


def _load(visit: Visit) -> Channel:
    channel_id, place = visit.path["channel_id"], visit.place
    channel = channels.show_channel(place.store, place.sealer, visit.caller, channel_id)
    if channel.workspace_id != visit.path["workspace_id"]:
        raise NotFound("channel", channel_id)
    return channel


def _back(visit: Visit, *, flash: str) -> Response:
    return redirect(visit, f"/workspaces/{visit.path['workspace_id']}/alerts", flash=flash)


def _subject(visit: Visit) -> str:
    return f"channel of {visit.path['workspace_id']}"


def _parse_kind(form: Form) -> ChannelKind:
    kind = form.text("kind")
    if kind not in set(ChannelKind):
        raise Refused("kind-unknown", "Choose one of the list.", field="kind")
    return ChannelKind(kind)


def _quiet(form: Form) -> tuple[str, str, str]:
    return (
        form.text("quiet_from").strip(),
        form.text("quiet_to").strip(),
        form.text("zone").strip(),
    )


def _render(
    visit: Visit,
    typed: dict[str, Any],
    *,
    wrong: Refused | None = None,
    once: dict[str, str] | None = None,
) -> Response:
    values = team_values(visit, tab="alerts")
    place = visit.place
    found = channels.list_channels(
        place.store, place.sealer, visit.caller, workspace_id=visit.path["workspace_id"]
    )
    lines = [
        {
            "channel": channel,
            "target": show_target(channel),
            "told": channels.list_deliveries(
                place.store, place.sealer, visit.caller, channel.id, limit=_TOLD
            ),
        }
        for channel in sorted(found, key=lambda channel: channel.name)
    ]
    # control calls the three fields of quiet hours one.
    field = {"quiet": "quiet_from"}.get(wrong.field or "", wrong.field or "") if wrong else ""
    return render_page(
        visit,
        "channels.html",
        status=status_of(wrong) if wrong else HTTPStatus.OK,
        **values,
        lines=lines,
        values=typed,
        kinds=(
            (ChannelKind.EMAIL, "E-mail"),
            (ChannelKind.WEBHOOK, "Webhook (signed)"),
            (ChannelKind.SLACK, "Slack, or what takes the same"),
        ),
        once=once,
        wrong=wrong and {"sentence": wrong.sentence, "field": field},
    )
