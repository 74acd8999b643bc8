"""The operations of /api/v1/channels: how a workspace hears of its domains."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from firstparty.api.context import After, ChosenWorkspace, Here, Limit
from firstparty.api.idempotency import IdempotentRoute
from firstparty.api.pages import Page, build_page
from firstparty.api.problems import describe_problems
from firstparty.control import channels
from firstparty.control.channels import ChannelChange
from firstparty.model.alerts import Alert, AlertState, Channel, ChannelKind

router = APIRouter(
    prefix="/channels",
    tags=["alerts"],
    route_class=IdempotentRoute,
    responses=describe_problems(401, 403, 404, 422, 429),
)
_TARGET = "An https address (public), or an e-mail address"


class Quiet(BaseModel):
    """Hours in which only what is failing is told; two empty texts: none."""

    model_config = ConfigDict(extra="forbid")

    start: Annotated[str, Field(alias="from", examples=["22:00"], max_length=5)]
    end: Annotated[str, Field(alias="to", examples=["07:00"], max_length=5)]
    zone: Annotated[str, Field(examples=["Europe/Berlin"], max_length=64)] = "UTC"


class ChannelPatch(BaseModel):
    """What to change of a channel; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"is_enabled": False}]}
    )

    name: Annotated[str | None, Field(description="What people call it")] = None
    target: Annotated[str | None, Field(description=_TARGET, max_length=2_000)] = None
    is_enabled: Annotated[StrictBool | None, Field(description="Whether anything is told")] = None
    quiet: Quiet | None = None


class ChannelRequest(BaseModel):
    """A channel to make."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "On call", "kind": "email", "target": "oncall@shop.com"}]
        },
    )

    name: Annotated[str, Field(description="What people call it")]
    kind: ChannelKind
    target: Annotated[str, Field(description=_TARGET, max_length=2_000)]
    quiet: Quiet | None = None
    workspace_id: Annotated[
        str | None, Field(description="Where; not needed where you see just one", max_length=64)
    ] = None


class ChannelAnswer(BaseModel):
    """A channel. A Slack address is a secret: only its host is shown."""

    id: Annotated[str, Field(examples=["chn_8Qm2xT4nB7vK1cD5sW9e"])]
    workspace_id: str
    name: Annotated[str, Field(examples=["On call"])]
    kind: ChannelKind
    target: Annotated[str, Field(examples=["oncall@shop.com"])]
    is_enabled: bool
    quiet: Quiet | None
    created_at: datetime


class NewChannelAnswer(ChannelAnswer):
    """A new channel. A webhook's secret is in this answer alone."""

    secret: Annotated[
        str | None, Field(description="To verify signatures with", examples=["whsec_MfKQ9r8G"])
    ]


class DeliveryAnswer(BaseModel):
    """Something that was, or is to be, told."""

    id: Annotated[str, Field(description="`webhook-id`", examples=["alr_019a8f0e7c11Qm2xT4nB7vK1"])]
    type: Annotated[str, Field(examples=["domain.failing"])]
    state: AlertState
    tries: int
    due_at: Annotated[datetime | None, Field(description="When it is tried (again)")]
    answer: Annotated[str, Field(description="What the last try got", examples=["HTTP 200"])]
    data: Annotated[dict[str, Any], Field(examples=[{"text": "cdp.shop.com is failing."}])]
    created_at: datetime
    changed_at: datetime


@router.get("")
def list_channels(
    here: Here, workspace: ChosenWorkspace = None, after: After = "", limit: Limit = 50
) -> Page[ChannelAnswer]:
    """The channels of a workspace. Needs the role admin."""
    found = channels.list_channels(
        here.store,
        here.sealer,
        here.caller,
        workspace_id=here.choose_workspace(workspace).id,
        after=after,
        limit=limit + 1,
    )
    return build_page(found, limit, build=_answer, cursor=lambda channel: channel.id)


@router.post("", status_code=HTTPStatus.CREATED)
def add_channel(here: Here, asked: ChannelRequest) -> NewChannelAnswer:
    """Make a channel. What happened before is not told. Needs the role admin."""
    channel = channels.add_channel(
        here.store,
        here.sealer,
        here.caller,
        workspace_id=here.choose_workspace(asked.workspace_id).id,
        kind=asked.kind,
        change=ChannelChange(name=asked.name, target=asked.target, quiet=_parse(asked.quiet)),
        now=here.now,
    )
    return NewChannelAnswer(
        **_answer(channel).model_dump(by_alias=True), secret=channel.secret or None
    )


@router.get("/{channel_id}")
def show_channel(here: Here, channel_id: str) -> ChannelAnswer:
    """One channel. Needs the role admin."""
    return _answer(channels.show_channel(here.store, here.sealer, here.caller, channel_id))


@router.patch("/{channel_id}")
def change_channel(here: Here, channel_id: str, asked: ChannelPatch) -> ChannelAnswer:
    """Change a channel. Needs the role admin."""
    channel = channels.change_channel(
        here.store,
        here.sealer,
        here.caller,
        channel_id,
        change=ChannelChange(
            name=asked.name,
            target=asked.target,
            is_enabled=asked.is_enabled,
            quiet=_parse(asked.quiet),
        ),
        now=here.now,
    )
    return _answer(channel)


@router.delete("/{channel_id}")
def remove_channel(here: Here, channel_id: str) -> ChannelAnswer:
    """Forget a channel and its deliveries. Needs the role admin."""
    return _answer(
        channels.remove_channel(here.store, here.sealer, here.caller, channel_id, now=here.now)
    )


@router.post("/{channel_id}/test", status_code=HTTPStatus.ACCEPTED)
def try_channel(here: Here, channel_id: str) -> DeliveryAnswer:
    """Have a test sent, within seconds: the deliveries say what became of it."""
    return _delivery(
        channels.try_channel(here.store, here.sealer, here.caller, channel_id, now=here.now)
    )


@router.get("/{channel_id}/deliveries")
def list_deliveries(
    here: Here, channel_id: str, after: After = "", limit: Limit = 50
) -> Page[DeliveryAnswer]:
    """What was told, newest first, for 30 days. Needs the role admin."""
    found = channels.list_deliveries(
        here.store, here.sealer, here.caller, channel_id, after=after, limit=limit + 1
    )
    return build_page(found, limit, build=_delivery, cursor=lambda alert: alert.id)


def _parse(quiet: Quiet | None) -> tuple[str, str, str] | None:
    return None if quiet is None else (quiet.start, quiet.end, quiet.zone)


def _answer(channel: Channel) -> ChannelAnswer:
    quiet = channel.quiet
    return ChannelAnswer(
        id=channel.id,
        workspace_id=channel.workspace_id,
        name=channel.name,
        kind=channel.kind,
        target=channels.show_target(channel),
        is_enabled=channel.is_enabled,
        quiet=None
        if quiet is None
        else Quiet.model_validate(
            {
                "from": quiet.start.isoformat("minutes"),
                "to": quiet.end.isoformat("minutes"),
                "zone": quiet.zone,
            }
        ),
        created_at=channel.created_at,
    )


def _delivery(alert: Alert) -> DeliveryAnswer:
    return DeliveryAnswer(
        id=alert.id,
        type=alert.type,
        state=alert.state,
        tries=alert.tries,
        due_at=alert.due_at,
        answer=alert.answer,
        data=alert.body,
        created_at=alert.created_at,
        changed_at=alert.changed_at,
    )
