"""The operations of /api/v1/sources/{id}/rollout and /restore."""

from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from firstparty.api.context import Here
from firstparty.api.idempotency import IdempotentRoute
from firstparty.api.problems import describe_problems
from firstparty.control import rollout, sources
from firstparty.control.rollout import Rollout

router = APIRouter(
    prefix="/sources",
    tags=["sources"],
    route_class=IdempotentRoute,
    responses=describe_problems(401, 403, 404, 409, 422),
)


class ShareAsked(BaseModel):
    """How many visitors are to be on the domain."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"share": 25}]})

    share: Annotated[
        int, Field(description="Percent of visitors; 0 restores the default hosts", ge=0, le=100)
    ]


class LineAnswer(BaseModel):
    """A line of the owner's own code, and what it goes back to."""

    form: Annotated[str, Field(description="The snippet form it is of", examples=["html"])]
    now: str
    then: str


class RolloutAnswer(BaseModel):
    """Who is on the domain, and what to change where it is not ours to change."""

    share: Annotated[int, Field(description="Percent of visitors on the domain; 0: restored")]
    is_switchable: Annotated[bool, Field(description="It can be changed here: a javascript source")]
    default_cdn: Annotated[str, Field(examples=["https://cdn.segment.com"])]
    default_api: Annotated[str, Field(examples=["api.segment.io/v1"])]
    is_segment: Annotated[bool, Field(description="The default hosts are Segment's own")]
    lines: Annotated[
        list[LineAnswer], Field(description="What to change in the page, server or app itself")
    ]

    @classmethod
    def of(cls, found: Rollout) -> Self:
        """The answer for this rollout."""
        return cls(
            share=found.share,
            is_switchable=found.is_switchable,
            default_cdn=found.default_hosts.cdn_origin,
            default_api=found.default_hosts.api_base,
            is_segment=found.default_hosts.is_segment,
            lines=[LineAnswer(form=one.form, now=one.now, then=one.then) for one in found.lines],
        )


@router.get("/{source_id}/rollout")
def show_rollout(here: Here, source_id: str) -> RolloutAnswer:
    """Who is on the domain, where the others are, and the lines that go back to that."""
    view = sources.show_source(here.store, here.caller, source_id, rules=here.rules)
    return RolloutAnswer.of(rollout.build_rollout(view))


@router.put("/{source_id}/rollout")
def change_rollout(here: Here, source_id: str, asked: ShareAsked) -> RolloutAnswer:
    """Have this share of the visitors on the domain, from their next load of the script on.

    Needs the role editor.
    """
    return _set(here, source_id, asked.share)


@router.post("/{source_id}/restore")
def restore_source(here: Here, source_id: str) -> RolloutAnswer:
    """Send everything that follows the script back to the default hosts; a share of 100 undoes it.

    Needs the role editor.
    """
    return _set(here, source_id, 0)


def _set(here: Here, source_id: str, share: int) -> RolloutAnswer:
    view = rollout.set_share(
        here.store, here.caller, source_id, share=share, rules=here.rules, now=here.now
    )
    return RolloutAnswer.of(rollout.build_rollout(view))
