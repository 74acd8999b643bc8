"""A source's host address: on the domain, restored to the default hosts, or a share of visitors."""

from contextlib import suppress
from http import HTTPStatus

from starlette.responses import Response

from firstparty.console.failures import status_of
from firstparty.console.pages import redirect, render_page
from firstparty.console.source_pages import load_source, source_values
from firstparty.console.visits import Visit
from firstparty.control.rollout import build_rollout, set_share
from firstparty.errors import Conflict, Forbidden, NotFound, Refused


def show_hosts(visit: Visit) -> Response:
    """Where this source's visitors are sent, and the lines to change for what we do not serve."""
    return _render(visit, {}, None)


def save_share(visit: Visit) -> Response:
    """Have a share of visitors on the domain; new loads of the script follow."""
    source = load_source(visit).source
    typed = visit.form.text("share").strip().removesuffix("%").strip()
    try:
        if not (typed.isascii() and typed.isdigit() and len(typed) <= 3):  # noqa: PLR2004 - digits
            raise _no_share()
        set_share(
            visit.place.store,
            visit.caller,
            source.id,
            share=int(typed),
            rules=visit.place.rules,
            now=visit.now,
        )
    except (NotFound, Forbidden, Conflict):
        raise
    except Refused as refused:
        return _render(visit, visit.form.typed(), refused)
    flash = {"0": "source-restored", "100": "source-enabled"}.get(typed, "source-rolled-out")
    path = f"/workspaces/{source.workspace_id}/sources/{source.id}/hosts"
    return redirect(visit, path, flash=flash)


def _no_share() -> Refused:
    return Refused(
        "share-invalid", "The share is a whole number from 0 to 100 percent.", field="share"
    )


def _render(visit: Visit, typed: dict[str, str], wrong: Refused | None) -> Response:
    values = source_values(visit, tab="hosts")
    rollout = None
    with suppress(Conflict):  # no domain yet: the page says so
        rollout = build_rollout(values["view"])
    share = "" if rollout is None else str(rollout.share)
    return render_page(
        visit,
        "source_hosts.html",
        status=status_of(wrong) if wrong else HTTPStatus.OK,
        **values,
        rollout=rollout,
        values={"share": share} | typed,
        wrong=wrong,
    )
