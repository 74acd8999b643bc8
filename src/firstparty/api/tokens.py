"""The operations of /api/v1/tokens."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictBool

from firstparty.api.context import After, ChosenWorkspace, Context, Here, Limit
from firstparty.api.idempotency import IdempotentRoute
from firstparty.api.pages import Page, build_page
from firstparty.api.problems import describe_problems
from firstparty.control import tokens
from firstparty.errors import Refused
from firstparty.model.workspaces import Role, Token

router = APIRouter(
    prefix="/tokens",
    tags=["tokens"],
    route_class=IdempotentRoute,
    responses=describe_problems(401, 403, 404, 422),
)


class TokenRequest(BaseModel):
    """A token to make."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "Deployment", "role": "editor"}]},
    )

    name: Annotated[str, Field(description="What it is for, up to 100 characters")]
    role: Annotated[Role, Field(description="What it may do; not more than you may")] = Role.EDITOR
    workspace_id: Annotated[
        str | None, Field(description="Where; not needed where you see just one", max_length=64)
    ] = None
    everywhere: Annotated[
        StrictBool, Field(description="An operator's token, for all workspaces")
    ] = False
    expires_at: Annotated[
        AwareDatetime | None, Field(description="When it stops working; never, if left out")
    ] = None


class TokenAnswer(BaseModel):
    """An API token, without its secret."""

    id: Annotated[str, Field(examples=["tok_8Qm2xT4nB7vK1cD5sW9e"])]
    name: Annotated[str, Field(examples=["Deployment"])]
    role: Role
    workspace_id: Annotated[str | None, Field(description="null: an operator's token")]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class NewTokenAnswer(TokenAnswer):
    """A new API token. Its secret is in this answer alone."""

    token: Annotated[
        str, Field(description="Keep it: it cannot be shown again", examples=["fp_8Qm2…_…"])
    ]


@router.get("")
def list_tokens(
    here: Here,
    workspace: ChosenWorkspace = None,
    after: After = "",
    limit: Limit = 50,
    *,
    everywhere: bool = False,
) -> Page[TokenAnswer]:
    """The tokens of a workspace (`everywhere`: the operators' ones), revoked ones too."""
    found = tokens.list_tokens(
        here.store,
        here.caller,
        workspace_id=_where(here, workspace, everywhere=everywhere),
        after=after,
        limit=limit + 1,
    )
    return build_page(found, limit, build=_answer, cursor=lambda token: token.id)


@router.post("", status_code=HTTPStatus.CREATED)
def add_token(here: Here, asked: TokenRequest) -> NewTokenAnswer:
    """Make a token. Needs the role admin."""
    new = tokens.add_token(
        here.store,
        here.caller,
        workspace_id=_where(here, asked.workspace_id, everywhere=asked.everywhere),
        name=asked.name,
        role=asked.role,
        expires_at=asked.expires_at,
        now=here.now,
    )
    return NewTokenAnswer(**_answer(new.token).model_dump(), token=new.bearer)


@router.delete("/{token_id}")
def revoke_token(here: Here, token_id: str) -> TokenAnswer:
    """End a token at once; again changes nothing."""
    return _answer(tokens.revoke_token(here.store, here.caller, token_id, now=here.now))


def _where(here: Context, workspace_id: str | None, *, everywhere: bool) -> str | None:
    if not everywhere:
        return here.choose_workspace(workspace_id).id
    if workspace_id:
        raise Refused(
            "workspace-and-everywhere",
            "A token is for one workspace or for all of them: leave one of the two out.",
            field="everywhere",
        )
    return None


def _answer(token: Token) -> TokenAnswer:
    return TokenAnswer(
        id=token.id,
        name=token.name,
        role=token.role,
        workspace_id=token.workspace_id,
        created_at=token.created_at,
        expires_at=token.expires_at,
        revoked_at=token.revoked_at,
    )
