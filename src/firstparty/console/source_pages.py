"""The sources of a workspace, adding one, and a source's page."""

from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import Response

from firstparty.console.failures import status_of
from firstparty.console.once import redirect_once
from firstparty.console.pages import redirect, render_page, workspace_values
from firstparty.console.snippet_cards import snippet_cards
from firstparty.console.visits import Form, Visit
from firstparty.console.words import SOURCE_TYPES
from firstparty.control import sources
from firstparty.control.callers import require_role
from firstparty.control.domains import show_domain
from firstparty.control.sources import SourceRequest, SourceView
from firstparty.errors import Forbidden, NotFound, Refused
from firstparty.model.status import Word
from firstparty.model.workspaces import Role, Source, SourceType

_PAGE: Final = 100


def show_sources(visit: Visit) -> Response:
    """The list, oldest first."""
    values = workspace_values(visit, area="sources", at_top=True)
    part = visit.query.get("q", "").strip()
    found = sources.list_sources(
        visit.place.store,
        visit.caller,
        workspace_id=visit.path["workspace_id"],
        rules=visit.place.rules,
        part=part,
        after=visit.query.get("after", ""),
        limit=_PAGE + 1,
    )
    next_page = ""
    if len(found) > _PAGE:
        query = {"after": found[_PAGE - 1].source.id} | ({"q": part} if part else {})
        next_page = f"{values['base']}/sources?{urlencode(query)}"
    return render_page(
        visit, "sources.html", **values, views=found[:_PAGE], part=part, next_page=next_page
    )


def show_new_source(visit: Visit) -> Response:
    """The empty form."""
    return _render_form(visit, {}, None)


def add_source(visit: Visit) -> Response:
    """Make the source; what breaks a rule is said beside its field, nothing typed is lost."""
    workspace_id = visit.path["workspace_id"]
    try:
        view = sources.add_source(
            visit.place.store,
            visit.caller,
            workspace_id=workspace_id,
            asked=parse_source_form(visit.form),
            rules=visit.place.rules,
            now=visit.now,
        )
    except (NotFound, Forbidden):
        raise
    except Refused as refused:
        return _render_form(visit, visit.form.typed(), refused)
    here = f"/workspaces/{workspace_id}/sources/{view.source.id}"
    if view.new_secret:
        subject = secret_subject(view.source.id)
        return redirect_once(visit, f"{here}/delivery", subject=subject, facts=secret_facts(view))
    return redirect(visit, here, flash="source-added")


def show_source(visit: Visit) -> Response:
    """Write key, where its script is, where its messages go, and its snippets."""
    values = source_values(visit, tab="snippets")
    view = values["view"]
    is_live = False
    if view.domain is not None:
        place = visit.place
        home = show_domain(place.store, visit.caller, view.domain.id, rules=place.rules)
        is_live = home.word in {Word.LIVE, Word.WARNING}
    return render_page(
        visit,
        "source.html",
        **values,
        snippets=snippet_cards(view.source, view.facts) if view.facts else (),
        is_live=is_live,
    )


def load_source(visit: Visit) -> SourceView:
    """The source that the address names; raises NotFound, also for another workspace's."""
    source_id, place = visit.path["source_id"], visit.place
    view = sources.show_source(place.store, visit.caller, source_id, rules=place.rules)
    if view.source.workspace_id != visit.path["workspace_id"]:
        raise NotFound("source", source_id)
    return view


def source_values(visit: Visit, *, tab: str) -> dict[str, Any]:
    """What every page about one source needs."""
    values = workspace_values(visit, area="sources")
    view = load_source(visit)
    here = f"{values['base']}/sources/{view.source.id}"
    return values | {"view": view, "here": here, "tab": tab}


def require_editor(visit: Visit, source: Source) -> None:
    """Let only those see a form who may send it; raises Forbidden."""
    require_role(
        visit.caller, source.workspace_id, Role.EDITOR, kind="source", identifier=source.id
    )


def secret_subject(source_id: str) -> str:
    """By which a source's page of delivery takes the secret that it shows once."""
    return f"secret of {source_id}"


def secret_facts(view: SourceView) -> dict[str, str]:
    """What is shown once of a webhook's new secret."""
    return {"secret": view.new_secret}


def parse_source_form(form: Form) -> SourceRequest:
    """The request as typed; an empty optional field leaves the choice to us. Raises Refused."""
    asked = form.text("type")
    if asked not in set(SourceType):
        raise Refused("type-unknown", "Choose one of the types in the list.", field="type")
    return SourceRequest(
        name=form.text("name"),
        type=SourceType(asked),
        region=form.text("region"),
        upstream=form.text("upstream").strip() or None,
        write_key=form.text("write_key").strip() or None,
    )


def _render_form(visit: Visit, typed: dict[str, str], wrong: Refused | None) -> Response:
    values = workspace_values(visit, area="sources")
    workspace_id = visit.path["workspace_id"]
    require_role(visit.caller, workspace_id, Role.EDITOR, kind="workspace", identifier=workspace_id)
    return render_page(
        visit,
        "source_new.html",
        **values,
        status=status_of(wrong) if wrong else HTTPStatus.OK,
        values=typed,
        source_types=SOURCE_TYPES,
        upstreams=visit.place.rules.upstreams,
        wrong=wrong,
    )
