"""A source's settings: where they come from, and the JSON that its owner keeps here."""

from http import HTTPStatus

import msgspec
from starlette.responses import Response

from firstparty.console.failures import status_of
from firstparty.console.pages import redirect, render_page
from firstparty.console.source_pages import load_source, require_editor, source_values
from firstparty.console.visits import Visit
from firstparty.control.source_changes import SourceChange, change_source
from firstparty.errors import Forbidden, NotFound, Refused
from firstparty.model.workspaces import Origin


def show_settings(visit: Visit) -> Response:
    """The form as things are, and what to know of the settings."""
    source = load_source(visit).source
    text = msgspec.json.format(msgspec.json.encode(source.settings), indent=2).decode()
    return _render(visit, {"origin": source.origin, "settings": text}, None)


def save_settings(visit: Visit) -> Response:
    """Store them; broken JSON is refused with line and reason, and the old ones stay."""
    source = load_source(visit).source
    typed = visit.form.typed()
    origin, text = typed.get("origin", ""), typed.get("settings", "")
    try:
        change_source(
            visit.place.store,
            visit.caller,
            source.id,
            change=SourceChange(
                settings=text.strip() or {},
                origin=Origin(origin) if origin in set(Origin) else None,
            ),
            rules=visit.place.rules,
            now=visit.now,
        )
    except (NotFound, Forbidden):
        raise
    except Refused as refused:
        return _render(visit, typed, refused)
    path = f"/workspaces/{source.workspace_id}/sources/{source.id}/settings"
    return redirect(visit, path, flash="source-changed")


def _render(visit: Visit, typed: dict[str, str], wrong: Refused | None) -> Response:
    values = source_values(visit, tab="settings")
    require_editor(visit, values["view"].source)
    return render_page(
        visit,
        "source_settings.html",
        status=status_of(wrong) if wrong else HTTPStatus.OK,
        **values,
        values=typed,
        wrong=wrong,
    )
