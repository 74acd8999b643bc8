"""Where a source's messages go, how many it may send, and the secret of its webhook."""

from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from firstparty.console.failures import status_of
from firstparty.console.once import redirect_once, take_once
from firstparty.console.pages import redirect, render_page
from firstparty.console.source_pages import (
    load_source,
    require_editor,
    secret_facts,
    secret_subject,
    source_values,
)
from firstparty.console.visits import Form, Visit
from firstparty.control import webhook_rotation
from firstparty.control.source_changes import MAX_RATE, SourceChange, change_source
from firstparty.control.webhook_secrets import is_webhook
from firstparty.errors import Forbidden, NotFound, Refused
from firstparty.model.workspaces import Source

_DIGITS: Final = 7


def show_delivery(visit: Visit) -> Response:
    """The form as things are."""
    source = load_source(visit).source
    own = visit.place.rules.upstreams.get(source.region)
    typed = {
        "name": source.name,
        "region": source.region,
        "upstream": "" if source.upstream == own else source.upstream,
        "messages_per_second": str(source.messages_per_second or ""),
    }
    return _render(visit, typed, None)


def save_delivery(visit: Visit) -> Response:
    """Change it, for messages that wait too; a secret that is made by it is shown once."""
    source, form = load_source(visit).source, visit.form
    try:
        view = change_source(
            visit.place.store,
            visit.caller,
            source.id,
            change=SourceChange(
                name=form.text("name"),
                region=form.text("region"),
                upstream=form.text("upstream").strip(),
                messages_per_second=_parse_rate(form),
            ),
            rules=visit.place.rules,
            now=visit.now,
        )
    except (NotFound, Forbidden):
        raise
    except Refused as refused:
        return _render(visit, form.typed(), refused)
    if view.new_secret:
        return redirect_once(
            visit, _here(source), subject=secret_subject(source.id), facts=secret_facts(view)
        )
    return redirect(visit, _here(source), flash="delivery-changed")


def rotate_secret(visit: Visit) -> Response:
    """A new secret beside the old one, shown once."""
    source, place = load_source(visit).source, visit.place
    view = webhook_rotation.rotate_secret(
        place.store, visit.caller, source.id, rules=place.rules, now=visit.now
    )
    return redirect_once(
        visit, _here(source), subject=secret_subject(source.id), facts=secret_facts(view)
    )


def drop_old_secret(visit: Visit) -> Response:
    """End the overlap."""
    source, place = load_source(visit).source, visit.place
    webhook_rotation.drop_old_secret(
        place.store, visit.caller, source.id, rules=place.rules, now=visit.now
    )
    return redirect(visit, _here(source), flash="secret-dropped")


def _here(source: Source) -> str:
    return f"/workspaces/{source.workspace_id}/sources/{source.id}/delivery"


def _parse_rate(form: Form) -> int:
    typed = form.text("messages_per_second").strip() or "0"
    is_number = typed.isascii() and typed.isdigit() and len(typed) <= _DIGITS
    if not is_number or int(typed) > MAX_RATE:
        raise Refused(
            "rate-invalid",
            f"The limit is a whole number up to {MAX_RATE:,} messages a second; leave it empty for "
            "none.",
            field="messages_per_second",
        )
    return int(typed)


def _render(visit: Visit, typed: dict[str, str], wrong: Refused | None) -> Response:
    values = source_values(visit, tab="delivery")
    source = values["view"].source
    require_editor(visit, source)
    return render_page(
        visit,
        "source_delivery.html",
        status=status_of(wrong) if wrong else HTTPStatus.OK,
        **values,
        values=typed,
        regions=[
            (region, f"{region.upper()} ({upstream})")
            for region, upstream in visit.place.rules.upstreams.items()
        ],
        is_webhook=is_webhook(source.upstream),
        once=take_once(visit, secret_subject(source.id)),
        wrong=wrong,
    )
