"""The script of a JavaScript source: which version it gets, and the alias in its address."""

from collections.abc import Callable
from http import HTTPStatus

from starlette.responses import Response

from firstparty.cdn.bundles import list_versions
from firstparty.cdn.versions import order_of
from firstparty.console.failures import status_of
from firstparty.console.pages import redirect, render_page
from firstparty.console.source_pages import load_source, require_editor, source_values
from firstparty.console.visits import Visit
from firstparty.control import aliases
from firstparty.control.source_changes import SourceChange, change_source
from firstparty.control.sources import SourceView
from firstparty.errors import Conflict, Forbidden, NotFound, Refused
from firstparty.model.workspaces import SourceType


def show_script(visit: Visit) -> Response:
    """The version as it is, those to choose from, and the aliases that are served."""
    source = load_source(visit).source
    return _render(visit, {"script_version": source.script_version}, None)


def save_script(visit: Visit) -> Response:
    """Pin a version, or follow the newest."""
    source = load_source(visit).source
    try:
        change_source(
            visit.place.store,
            visit.caller,
            source.id,
            change=SourceChange(script_version=visit.form.text("script_version")),
            rules=visit.place.rules,
            now=visit.now,
        )
    except (NotFound, Forbidden):
        raise
    except Refused as refused:
        return _render(visit, visit.form.typed(), refused)
    return _back(visit, "source-changed")


def rotate_alias(visit: Visit) -> Response:
    """A new alias; the old one is served too."""
    return _act(visit, aliases.rotate_alias, flash="alias-rotated")


def drop_old_alias(visit: Visit) -> Response:
    """Serve the old one no more."""
    return _act(visit, aliases.drop_old_alias, flash="alias-dropped")


def _act(visit: Visit, change: Callable[..., SourceView], *, flash: str) -> Response:
    source, place = load_source(visit).source, visit.place
    change(place.store, visit.caller, source.id, rules=place.rules, now=visit.now)
    return _back(visit, flash)


def _back(visit: Visit, flash: str) -> Response:
    path = f"/workspaces/{visit.path['workspace_id']}/sources/{visit.path['source_id']}/script"
    return redirect(visit, path, flash=flash)


def _render(visit: Visit, typed: dict[str, str], wrong: Refused | None) -> Response:
    values = source_values(visit, tab="script")
    view = values["view"]
    require_editor(visit, view.source)
    if view.source.type is not SourceType.JAVASCRIPT:
        raise Conflict(
            "no-script", f"{view.source.name} sends without our script: it has no version."
        )
    installed = sorted(list_versions(visit.place.rules.library), key=order_of, reverse=True)
    return render_page(
        visit,
        "source_script.html",
        status=status_of(wrong) if wrong else HTTPStatus.OK,
        **values,
        values=typed,
        installed=installed,
        options=_options(view.source.script_version, installed),
        wrong=wrong,
    )


def _options(pinned: str, installed: list[str]) -> list[tuple[str, str]]:
    newest = f" ({installed[0]} now)" if installed else ""
    missing = [(pinned, f"{pinned} (not installed here)")] if pinned not in {"", *installed} else []
    return [("", f"Newest that is installed{newest}"), *((one, one) for one in installed), *missing]
