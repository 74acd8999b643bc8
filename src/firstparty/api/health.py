"""/healthz: the process answers. /readyz: it can also do its work."""

from datetime import timedelta
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from firstparty.api.context import Installation
from firstparty.api.problems import describe_problems
from firstparty.errors import Unavailable

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """All is well."""

    status: Literal["ok"] = "ok"


@router.get("/healthz")
async def is_alive() -> Health:
    """Whether the process answers."""
    return Health()


@router.get("/readyz", responses=describe_problems(503))
def is_ready(request: Request) -> Health:
    """Whether the store answers too."""
    installation: Installation = request.app.state.installation
    try:
        with installation.store.read() as connection:
            connection.execute(text("SELECT 1 FROM workspaces LIMIT 1"))
    except SQLAlchemyError as error:
        raise Unavailable("The store does not answer.", retry_after=timedelta(seconds=1)) from error
    return Health()
