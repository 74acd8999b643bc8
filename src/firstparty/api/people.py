"""The operations of /api/v1/people: who belongs to a workspace."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from firstparty.api.context import After, ChosenWorkspace, Context, Here, Limit
from firstparty.api.etags import IfMatch, read_if_match, set_etag
from firstparty.api.idempotency import IdempotentRoute
from firstparty.api.pages import Page, build_page
from firstparty.api.problems import describe_problems
from firstparty.control import members
from firstparty.errors import Refused
from firstparty.model.workspaces import Role
from firstparty.store.members import Member

router = APIRouter(
    prefix="/people",
    tags=["people"],
    route_class=IdempotentRoute,
    responses=describe_problems(401, 403, 404, 409, 412, 422, 429),
)
Everywhere = Annotated[
    bool, Query(description="Whoever can sign in, in any workspace; needs an operator's token")
]


class PersonPatch(BaseModel):
    """What to change of a member."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"role": "viewer"}]})

    role: Annotated[Role, Field(description="What they may do from now on")]


class PersonAnswer(BaseModel):
    """Somebody who signs in."""

    id: Annotated[str, Field(examples=["per_8Qm2xT4nB7vK1cD5sW9e"])]
    email: Annotated[str, Field(examples=["ann@shop.com"])]
    role: Annotated[Role | None, Field(description="In the workspace; null in the list of all")]
    is_operator: bool
    created_at: datetime


class PasswordAnswer(BaseModel):
    """A new password. It is in this answer alone."""

    id: Annotated[str, Field(examples=["per_8Qm2xT4nB7vK1cD5sW9e"])]
    password: Annotated[
        str, Field(description="Tell it to them", examples=["hT4nB7-vK1cD5-sW9eQm-2xT4nB"])
    ]


@router.get("")
def list_people(
    here: Here,
    workspace: ChosenWorkspace = None,
    after: After = "",
    limit: Limit = 50,
    *,
    everywhere: Everywhere = False,
) -> Page[PersonAnswer]:
    """The members of a workspace."""
    found = members.list_members(
        here.store,
        here.caller,
        workspace_id=where(here, workspace, everywhere=everywhere),
        after=after,
        limit=limit + 1,
    )
    return build_page(found, limit, build=_answer, cursor=lambda member: member.person_id)


@router.get("/{person_id}")
def show_person(
    here: Here, response: Response, person_id: str, workspace: ChosenWorkspace = None
) -> PersonAnswer:
    """One member of a workspace."""
    member = members.show_member(
        here.store, here.caller, person_id, workspace_id=here.choose_workspace(workspace).id
    )
    set_etag(response, member)
    return _answer(member)


@router.patch("/{person_id}")
def change_person(
    here: Here,
    response: Response,
    person_id: str,
    asked: PersonPatch,
    workspace: ChosenWorkspace = None,
    if_match: IfMatch = None,
) -> PersonAnswer:
    """Give a member another role. Needs the role owner; a workspace keeps its last owner."""
    member = members.change_member(
        here.store,
        here.caller,
        person_id,
        workspace_id=here.choose_workspace(workspace).id,
        role=asked.role,
        revision=read_if_match(if_match),
        now=here.now,
    )
    set_etag(response, member)
    return _answer(member)


@router.delete("/{person_id}")
def remove_person(
    here: Here,
    person_id: str,
    workspace: ChosenWorkspace = None,
    *,
    everywhere: Everywhere = False,
) -> PersonAnswer:
    """Take somebody out of a workspace; `everywhere`: remove their account. At once."""
    home = where(here, workspace, everywhere=everywhere)
    if home is None:
        return _answer(members.remove_account(here.store, here.caller, person_id, now=here.now))
    return _answer(
        members.remove_member(here.store, here.caller, person_id, workspace_id=home, now=here.now)
    )


@router.post("/{person_id}/reset-password")
def reset_password(here: Here, person_id: str) -> PasswordAnswer:
    """Give somebody a new password and end their sessions. Needs an operator's token."""
    password = members.reset_password(here.store, here.caller, person_id, now=here.now)
    return PasswordAnswer(id=person_id, password=password)


def where(here: Context, workspace_id: str | None, *, everywhere: bool) -> str | None:
    """The id of the workspace meant; None for all of them. Raises Refused for both at once."""
    if not everywhere:
        return here.choose_workspace(workspace_id).id
    if workspace_id:
        raise Refused(
            "workspace-and-everywhere",
            "This is about one workspace or about all of them: leave one of the two out.",
            field="everywhere",
        )
    return None


def _answer(member: Member) -> PersonAnswer:
    return PersonAnswer(
        id=member.person_id,
        email=member.email,
        role=member.role,
        is_operator=member.is_operator,
        created_at=member.created_at,
    )
