"""The audit log of a workspace: who changed what, newest first."""

from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from firstparty.console.pages import render_page
from firstparty.console.team import team_values
from firstparty.console.visits import Visit
from firstparty.control.audit import list_audit
from firstparty.store.audit import AuditEntry, AuditFilter

_ENTRIES: Final = 50
_KINDS: Final = ("domain", "source", "member", "invitation", "token", "letters", "workspace")


def show_audit(visit: Visit) -> Response:
    """A page of entries; ``kind`` keeps to changes of one kind of thing."""
    values = team_values(visit, tab="audit")
    kind = visit.query.get("kind", "")
    kind = kind if kind in _KINDS else ""
    found = list_audit(
        visit.place.store,
        visit.caller,
        workspace_id=visit.path["workspace_id"],
        after=visit.query.get("after", ""),
        only=AuditFilter(action=kind),
        limit=_ENTRIES + 1,
    )
    next_page = ""
    if len(found) > _ENTRIES:
        query = {"after": found[_ENTRIES - 1].number} | ({"kind": kind} if kind else {})
        next_page = f"{values['base']}/audit?{urlencode(query)}"
    return render_page(
        visit,
        "audit.html",
        **values,
        entries=[_describe(entry) for entry in found[:_ENTRIES]],
        kinds=_KINDS,
        kind=kind,
        next_page=next_page,
    )


def _describe(entry: AuditEntry) -> dict[str, Any]:
    said = {name: value for name, value in entry.detail.items() if value not in ("", None, [], {})}
    return {
        "at": entry.at,
        "who": entry.label or entry.actor,
        "action": entry.action.replace(".", " ").replace("-", " "),
        "subject": str(said.pop("name", said.pop("email", "")) or entry.subject),
        "detail": ", ".join(
            f"{name.replace('_', ' ')}: {_text(value)}" for name, value in said.items()
        ),
    }


def _text(value: object) -> str:
    match value:
        case str():
            return value
        case list():
            return ", ".join(map(_text, value))
        case _:
            return msgspec.json.encode(value).decode()
