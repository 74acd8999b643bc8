"""The operations of /api/v1/invitations: how people get in."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from firstparty.api.context import After, ChosenWorkspace, Here, Installation, Limit
from firstparty.api.idempotency import IdempotentRoute
from firstparty.api.pages import Page, build_page
from firstparty.api.people import Everywhere, where
from firstparty.api.problems import describe_problems
from firstparty.control import invitations
from firstparty.model.workspaces import Invitation, Role

router = APIRouter(
    prefix="/invitations",
    tags=["people"],
    route_class=IdempotentRoute,
    responses=describe_problems(401, 403, 404, 422, 429),
)
# Whoever takes an invitation has no token yet: the secret says who they are.
open_router = APIRouter(
    prefix="/invitations", tags=["people"], responses=describe_problems(422, 429)
)


class InvitationRequest(BaseModel):
    """Somebody to invite."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"email": "ann@shop.com", "role": "editor"}]},
    )

    email: Annotated[str, Field(description="Whom; they sign in with it", max_length=400)]
    role: Annotated[Role, Field(description="What they may do")] = Role.EDITOR
    workspace_id: Annotated[
        str | None, Field(description="Where; not needed where you see just one", max_length=64)
    ] = None
    everywhere: Annotated[
        StrictBool, Field(description="As an operator, who may do everything everywhere")
    ] = False


class InvitationAnswer(BaseModel):
    """An open invitation, without its secret."""

    id: Annotated[str, Field(examples=["inv_8Qm2xT4nB7vK1cD5sW9e"])]
    email: Annotated[str, Field(examples=["ann@shop.com"])]
    role: Role
    workspace_id: Annotated[str | None, Field(description="null: as an operator")]
    created_at: datetime
    expires_at: datetime


class NewInvitationAnswer(InvitationAnswer):
    """A new invitation. Its link is in this answer alone."""

    path: Annotated[
        str,
        Field(
            description="The link under the console's address: send it to them",
            examples=["/invitations/Qm2xT4nB7vK1cD5sW9e…"],
        ),
    ]


class AcceptRequest(BaseModel):
    """An invitation to take."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"secret": "Qm2xT4nB7v", "password": "four random words"}]},
    )

    secret: Annotated[str, Field(description="The last part of the link", max_length=100)]
    password: Annotated[
        str,
        Field(
            description="A new one, 12 to 256 characters; where there is an account, its own",
            max_length=1_000,
        ),
    ]
    email: Annotated[
        str, Field(description="Where the invitation names none: the first one", max_length=400)
    ] = ""


class AcceptedAnswer(BaseModel):
    """Somebody who can sign in now."""

    id: Annotated[str, Field(examples=["per_8Qm2xT4nB7vK1cD5sW9e"])]
    email: Annotated[str, Field(examples=["ann@shop.com"])]


@router.get("")
def list_invitations(
    here: Here,
    workspace: ChosenWorkspace = None,
    after: After = "",
    limit: Limit = 50,
    *,
    everywhere: Everywhere = False,
) -> Page[InvitationAnswer]:
    """The open invitations to a workspace (`everywhere`: of operators). Needs the role owner."""
    found = invitations.list_invitations(
        here.store,
        here.caller,
        workspace_id=where(here, workspace, everywhere=everywhere),
        now=here.now,
        after=after,
        limit=limit + 1,
    )
    return build_page(found, limit, build=_answer, cursor=lambda one: one.id)


@router.post("", status_code=HTTPStatus.CREATED)
def invite_person(here: Here, asked: InvitationRequest) -> NewInvitationAnswer:
    """Invite somebody. The link in the answer works once, for a week. Needs the role owner."""
    made = invitations.invite(
        here.store,
        here.caller,
        workspace_id=where(here, asked.workspace_id, everywhere=asked.everywhere),
        email=asked.email,
        role=asked.role,
        now=here.now,
    )
    return NewInvitationAnswer(**_answer(made.invitation).model_dump(), path=made.path)


@router.delete("/{invitation_id}")
def withdraw_invitation(here: Here, invitation_id: str) -> InvitationAnswer:
    """End an invitation that nobody took. Needs the role owner."""
    return _answer(
        invitations.withdraw_invitation(here.store, here.caller, invitation_id, now=here.now)
    )


@open_router.post("/accept")
def accept_invitation(request: Request, asked: AcceptRequest) -> AcceptedAnswer:
    """Take the place that an invitation gives. Needs no token."""
    installation: Installation = request.app.state.installation
    person = invitations.accept_invitation(
        installation.store,
        secret=asked.secret,
        email=asked.email,
        password=asked.password,
        address=request.client.host if request.client else "",
        now=installation.clock(),
    )
    return AcceptedAnswer(id=person.id, email=person.email)


def _answer(invitation: Invitation) -> InvitationAnswer:
    return InvitationAnswer(
        id=invitation.id,
        email=invitation.email,
        role=invitation.role,
        workspace_id=invitation.workspace_id,
        created_at=invitation.created_at,
        expires_at=invitation.expires_at,
    )
