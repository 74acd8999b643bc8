"""What may be kept of a source's messages: its privacy rules."""

from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from firstparty.console.failures import status_of
from firstparty.console.pages import redirect, render_page
from firstparty.console.source_pages import load_source, require_editor, source_values
from firstparty.console.visits import Form, Visit
from firstparty.control.source_changes import SourceChange, change_source
from firstparty.errors import Forbidden, NotFound, Refused
from firstparty.model.privacy import IpRule, PrivacyRules


def show_privacy(visit: Visit) -> Response:
    """The form with the rules as they are."""
    rules = load_source(visit).source.privacy
    typed = {
        "ip": rules.ip,
        "honour_gpc": "yes" if rules.honour_gpc else "",
        "honour_dnt": "yes" if rules.honour_dnt else "",
        "consent": "\n".join(rules.consent),
        "drop_fields": "\n".join(rules.drop_fields),
    }
    return _render(visit, typed, None)


def save_privacy(visit: Visit) -> Response:
    """Take the rules anew; they count for what arrives from then on."""
    source = load_source(visit).source
    try:
        change_source(
            visit.place.store,
            visit.caller,
            source.id,
            change=SourceChange(privacy=_parse(visit.form)),
            rules=visit.place.rules,
            now=visit.now,
        )
    except (NotFound, Forbidden):
        raise
    except Refused as refused:
        return _render(visit, visit.form.typed(), refused)
    path = f"/workspaces/{source.workspace_id}/sources/{source.id}/privacy"
    return redirect(visit, path, flash="privacy-changed")


def _parse(form: Form) -> PrivacyRules:
    ip = form.text("ip")
    if ip not in set(IpRule):
        raise Refused("ip-rule-unknown", "Choose one of the three.", field="ip")
    return PrivacyRules(
        ip=IpRule(ip),
        honour_gpc=form.text("honour_gpc") == "yes",
        honour_dnt=form.text("honour_dnt") == "yes",
        consent=_lines(form.text("consent")),
        drop_fields=_lines(form.text("drop_fields")),
    )


def _lines(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


def _render(visit: Visit, typed: dict[str, Any], wrong: Refused | None) -> Response:
    values = source_values(visit, tab="privacy")
    require_editor(visit, values["view"].source)
    return render_page(
        visit,
        "source_privacy.html",
        status=status_of(wrong) if wrong else HTTPStatus.OK,
        **values,
        values=typed,
        # control names the field by its place in a source: privacy.consent.
        wrong=wrong
        and {"sentence": wrong.sentence, "field": (wrong.field or "").removeprefix("privacy.")},
    )
