"""The operation of /api/v1/sources/{id}/csp."""

import html
from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from firstparty.api.context import Here
from firstparty.api.idempotency import IdempotentRoute
from firstparty.api.problems import describe_problems
from firstparty.control import sources
from firstparty.control.csp import PolicyCheck, SitePolicies, check_source_policy

router = APIRouter(
    prefix="/sources",
    tags=["sources"],
    route_class=IdempotentRoute,
    responses=describe_problems(401, 403, 404, 409, 422),
)
_MAX_POLICY = 16_384  # characters
_PolicyText = Annotated[str, Field(max_length=_MAX_POLICY)]


class SitePoliciesAsked(BaseModel):
    """What the site's page says now; everything may be left out."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"header": "default-src 'self'; script-src 'self'"}]},
    )

    header: Annotated[_PolicyText, Field(description="Content-Security-Policy")] = ""
    report_only: Annotated[
        _PolicyText, Field(description="Content-Security-Policy-Report-Only")
    ] = ""
    meta: Annotated[_PolicyText, Field(description="The content of the page's meta element")] = ""
    page: Annotated[
        str, Field(description="The page's address: http or https", max_length=2_000)
    ] = SitePolicies().page
    has_nonce: Annotated[
        bool, Field(description="The snippet's script element bears the page's nonce")
    ] = False


class NeedAnswer(BaseModel):
    """One thing that the page must be allowed."""

    what: Annotated[str, Field(examples=["settings"])]
    directive: Annotated[str, Field(examples=["connect-src"])]
    expression: Annotated[str, Field(examples=["https://evs.cdp.shop.com"])]
    is_allowed: bool
    blocked_by: Annotated[list[str], Field(description="Directives that block it")]
    reported_by: Annotated[list[str], Field(description="Directives that would only report it")]
    otherwise: Annotated[str, Field(description="What happens where it is blocked")]


class ChangeAnswer(BaseModel):
    """One policy that was given, and what it lacks."""

    delivery: Annotated[str, Field(examples=["header"])]
    policy: str
    added: Annotated[dict[str, list[str]], Field(description="What to add, by directive")]
    changed: Annotated[str, Field(description="The policy with it")]
    obstacles: Annotated[list[str], Field(description="What no addition can lift")]


class PolicyAnswer(BaseModel):
    """What a source needs of its site's policy, and what the policies given lack."""

    is_allowed: Annotated[bool, Field(description="The policies given block nothing needed")]
    directives: Annotated[dict[str, list[str]], Field(description="All that the source needs")]
    header: Annotated[str, Field(description="The same as a header's value")]
    meta: Annotated[str, Field(description="The same as a meta element")]
    needs: list[NeedAnswer]
    changes: list[ChangeAnswer]

    @classmethod
    def of(cls, check: PolicyCheck) -> Self:
        """The answer for this check."""
        header = str(check.wanted)
        escaped = html.escape(header, quote=False).replace('"', "&quot;")
        return cls(
            is_allowed=check.is_allowed,
            directives={name: list(said) for name, said in check.wanted.directives.items()},
            header=header,
            meta=f'<meta http-equiv="Content-Security-Policy" content="{escaped}">',
            needs=[
                NeedAnswer(
                    what=verdict.need.what,
                    directive=verdict.need.directive,
                    expression=verdict.need.expression,
                    is_allowed=verdict.is_allowed,
                    blocked_by=list(verdict.blocked_by),
                    reported_by=list(verdict.reported_by),
                    otherwise=verdict.need.otherwise,
                )
                for verdict in check.verdicts
            ],
            changes=[
                ChangeAnswer(
                    delivery=change.policy.delivery,
                    policy=str(change.policy),
                    added={name: list(said) for name, said in change.added.items()},
                    changed=str(change.changed),
                    obstacles=list(change.obstacles),
                )
                for change in check.changes
            ],
        )


@router.post("/{source_id}/csp")
def check_policy(here: Here, source_id: str, asked: SitePoliciesAsked) -> PolicyAnswer:
    """What the source needs of its site's Content Security Policy, and what the policy lacks.

    Nothing is fetched and nothing is changed.
    """
    view = sources.show_source(here.store, here.caller, source_id, rules=here.rules)
    return PolicyAnswer.of(check_source_policy(view, SitePolicies(**asked.model_dump())))
