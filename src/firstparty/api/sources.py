"""The operations of /api/v1/sources."""

from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from firstparty.api.context import After, ChosenWorkspace, Here, Limit
from firstparty.api.etags import IfMatch, read_if_match, set_etag
from firstparty.api.idempotency import IdempotentRoute
from firstparty.api.pages import Page, build_page
from firstparty.api.privacy import PrivacyBody
from firstparty.api.problems import describe_problems
from firstparty.api.source_answers import (
    SnippetAnswer,
    SourceAndSecret,
    SourceAnswer,
    SourceDetail,
)
from firstparty.control import source_changes, sources
from firstparty.control.source_changes import SourceChange
from firstparty.control.sources import SourceRequest as Asked
from firstparty.model.workspaces import Origin, SourceType
from firstparty.snippets.catalogue import find_form, list_forms
from firstparty.snippets.html import DEFAULT_GLOBAL

router = APIRouter(
    prefix="/sources",
    tags=["sources"],
    route_class=IdempotentRoute,
    responses=describe_problems(401, 403, 404, 409, 412, 422, 429),
)


_OBJECT_OR_TEXT: Final[dict[str, Any]] = {"anyOf": [{"type": "object"}, {"type": "string"}]}


class SourceRequest(BaseModel):
    """A source to make."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "Web shop", "type": "javascript", "region": "us"}]
        },
    )

    name: Annotated[str, Field(description="What people call it, up to 100 characters")]
    type: Annotated[SourceType, Field(description="The SDK that sends; it decides the snippet")]
    region: Annotated[str, Field(description="us or eu", examples=["us"])] = "us"
    upstream: Annotated[
        str | None,
        Field(
            description="The origin that messages go on to, or webhook+https://HOST/PATH, "
            "files:ndjson, files:parquet; the region's, if left out",
            examples=["https://events.example.com"],
        ),
    ] = None
    write_key: Annotated[
        str | None,
        Field(
            description="The write key that the source has upstream; a new one, if left out",
            examples=["kLzq0sXbT4nB7vK1cD5sW9eQm2xT4nB7"],
        ),
    ] = None
    settings: Annotated[
        Any,
        Field(
            description="The source's settings JSON, as exported upstream; up to 256 KB. As text, "
            "it is refused with line and column where it is not JSON",
            json_schema_extra=_OBJECT_OR_TEXT,
        ),
    ] = {}
    origin: Annotated[
        Origin, Field(description="mirror: the settings come from the upstream CDN")
    ] = Origin.SELF_HOSTED
    workspace_id: Annotated[
        str | None, Field(description="Where; not needed where you see just one", max_length=64)
    ] = None


class SourcePatch(BaseModel):
    """What to change of a source; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"region": "eu", "upstream": ""}]}
    )

    name: Annotated[str | None, Field(description="What people call it")] = None
    region: Annotated[
        str | None, Field(description="us or eu; the region's own upstream follows it")
    ] = None
    upstream: Annotated[
        str | None, Field(description="Where messages go on to; empty: the region's own")
    ] = None
    settings: Annotated[
        Any,
        Field(description="All of its settings JSON anew", json_schema_extra=_OBJECT_OR_TEXT),
    ] = None
    origin: Annotated[Origin | None, Field(description="Where its settings come from")] = None
    privacy: Annotated[
        PrivacyBody | None, Field(description="All of its privacy rules anew; {} is none")
    ] = None
    script_version: Annotated[
        str | None,
        Field(description="Of Analytics.js, such as 1.84.3; empty: the newest installed"),
    ] = None
    messages_per_second: Annotated[
        StrictInt | None,
        Field(ge=0, le=source_changes.MAX_RATE, description="How many it may send; 0: no limit"),
    ] = None


@router.get("")
def list_sources(
    here: Here,
    workspace: ChosenWorkspace = None,
    q: Annotated[
        str,
        Query(
            description="Only those with this in the name, or this id or write key", max_length=200
        ),
    ] = "",
    after: After = "",
    limit: Limit = 50,
) -> Page[SourceAnswer]:
    """The sources of a workspace, oldest first."""
    found = sources.list_sources(
        here.store,
        here.caller,
        workspace_id=here.choose_workspace(workspace).id,
        rules=here.rules,
        part=q,
        after=after,
        limit=limit + 1,
    )
    return build_page(found, limit, build=SourceAnswer.of, cursor=lambda view: view.source.id)


@router.post("", status_code=HTTPStatus.CREATED)
def add_source(here: Here, asked: SourceRequest) -> SourceAndSecret:
    """Make a source. Needs the role editor."""
    view = sources.add_source(
        here.store,
        here.caller,
        workspace_id=here.choose_workspace(asked.workspace_id).id,
        asked=Asked(
            name=asked.name,
            type=asked.type,
            region=asked.region,
            upstream=asked.upstream,
            write_key=asked.write_key,
            settings=asked.settings,
            origin=asked.origin,
        ),
        rules=here.rules,
        now=here.now,
    )
    return SourceAndSecret.of_change(view)


@router.get("/{source_id}")
def show_source(here: Here, response: Response, source_id: str) -> SourceDetail:
    """One source, with its settings."""
    view = sources.show_source(here.store, here.caller, source_id, rules=here.rules)
    set_etag(response, view.source)
    return SourceDetail.of(view)


@router.patch("/{source_id}")
def change_source(
    here: Here, response: Response, source_id: str, asked: SourcePatch, if_match: IfMatch = None
) -> SourceAndSecret:
    """Change where its messages go, its settings, their origin, its limit or its privacy rules.

    Browsers get settings within a minute or so; the rest counts within seconds. Messages that wait
    go where the source says then.

    Needs the role editor.
    """
    view = source_changes.change_source(
        here.store,
        here.caller,
        source_id,
        change=SourceChange(
            name=asked.name,
            region=asked.region,
            upstream=asked.upstream,
            settings=asked.settings,
            origin=asked.origin,
            privacy=None if asked.privacy is None else asked.privacy.parse(),
            messages_per_second=asked.messages_per_second,
            script_version=asked.script_version,
        ),
        revision=read_if_match(if_match),
        rules=here.rules,
        now=here.now,
    )
    set_etag(response, view.source)
    return SourceAndSecret.of_change(view)


@router.get("/{source_id}/snippet")
def show_snippet(
    here: Here,
    source_id: str,
    form: Annotated[
        str, Query(alias="format", description=" · ".join(list_forms()), max_length=40)
    ] = "html",
    path: Annotated[
        Literal["alias", "standard"],
        Query(description="html: the script's alias, or the path with the write key"),
    ] = "alias",
    name: Annotated[
        str, Query(alias="global", description="html: the name of the global", max_length=200)
    ] = DEFAULT_GLOBAL,
    load_options: Annotated[
        str,
        Query(description="html: Analytics.js's load options, a JSON object", max_length=4_000),
    ] = "",
    page_call: Annotated[
        Literal["true", "false"], Query(description="html: whether the snippet calls page() itself")
    ] = "true",
) -> SnippetAnswer:
    """The code to copy, with this source's hosts and write key in it."""
    view = sources.show_source(here.store, here.caller, source_id, rules=here.rules)
    code = sources.show_snippet(
        view,
        form,
        is_standard=path == "standard",
        global_name=name,
        load_options=sources.parse_load_options(load_options),
        has_page_call=page_call == "true",
    )
    facts = find_form(form)
    return SnippetAnswer(
        format=form,
        title=facts.title,
        language=facts.language,
        install=facts.install,
        option=facts.option,
        notes=list(facts.notes),
        code=code,
    )
