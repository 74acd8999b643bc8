"""From a template and values to an answer. Every value is escaped; a missing one is an error."""

import hashlib
from collections.abc import AsyncIterator
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from firstparty.console import words
from firstparty.console.cookies import FLASH, ONCE, delete_cookie, set_cookie
from firstparty.console.visits import Visit
from firstparty.control.callers import Caller
from firstparty.control.workspaces import list_workspaces, show_workspace
from firstparty.model.workspaces import Role, Workspace

DIRECTORY: Final = Path(str(files("firstparty.console")))
_IN_SWITCHER: Final = 50
_RESULTS: Final = "<!-- results -->"  # in the templates of pages that are streamed

# A flash travels as its name in a cookie, so nobody can put words into our mouth.
FLASHES: Final = {
    "domain-added": "The domain is added. Now add its records at your DNS provider.",
    "domain-checked": "We are looking now.",
    "domain-paused": "The domain is paused.",
    "key-roll-asked": "The key is being replaced. Change nothing until the DS record changes.",
    "domain-resumed": "The domain goes on. We are looking now.",
    "domain-removed": "The domain is being removed.",
    "link-revoked": "The link is revoked: it works no more.",
    "certificate-imported": "The certificate is served from now on.",
    "certificates-revoked": "A new key and certificate are on their way; then those before are "
    "revoked.",
    "origins-changed": "Saved. The list counts within seconds.",
    "source-added": "The source is added.",
    "source-changed": "Saved. Browsers get it with their next load.",
    "delivery-changed": "Saved. It counts within seconds, for messages that wait too.",
    "secret-dropped": "Requests are signed with the new secret alone.",
    "alias-rotated": "The source has a new alias. The old one is served too.",
    "alias-dropped": "The old alias is served no more.",
    "privacy-changed": "Saved. The rules count for what arrives from now on.",
    "source-restored": "Restored: the next load of a page goes to the default hosts.",
    "source-enabled": "All visitors are sent to the domain, with the next load of a page.",
    "source-rolled-out": "That share of visitors is sent to the domain from now on.",
    "letters-replayed": "They are in the log again, and go upstream now.",
    "letters-kept": "What can be read is in the log again; the rest cannot be sent, and stays.",
    "letters-more": "As many as one request takes are in the log again. Do it once more for the "
    "rest.",
    "invitation-withdrawn": "The invitation is withdrawn: its link works no more.",
    "member-changed": "The role is changed, from now on.",
    "member-removed": "They are out of this workspace. Their account stays.",
    "channel-added": "The channel is made. Send a test to see that it works.",
    "channel-tried": "A test is on its way: reload in a moment to see what became of it.",
    "channel-on": "The channel is on: it tells what happens from now on.",
    "channel-off": "The channel is off: nothing is told through it.",
    "channel-removed": "The channel is removed.",
    "workspace-added": "The workspace is there. Invite its people, and set its plan if it has one.",
    "plan-changed": "The plan is saved: it counts for what is added from now on.",
    "version-installed": "The version is installed, and served within seconds.",
    "version-removed": "The version is removed. Pages that have it go on working.",
    "token-revoked": "The token is revoked: it works no more.",
    "signed-out": "You are signed out.",
}
_NOTHING: Final[dict[str, Any]] = {
    "signed_in": None,
    "workspace": None,
    "workspaces": [],
    "area": "",
    "at_top": False,
    "may_edit": False,
    "base": "",
    "flash": "",
    "wrong": None,
    "once": None,
}


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(DIRECTORY / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        static=static_url,
        word_tone=words.WORD_TONES.__getitem__,
        finding_tone=words.finding_tone,
        actor=words.ACTORS.__getitem__,
        source_type=words.SOURCE_TYPES.__getitem__,
        say_clock=words.say_clock,
        say_date=words.say_date,
        count=words.say_count,
        size=words.say_size,
        say_duration=words.say_duration,
    )
    return environment


@cache
def static_url(name: str) -> str:
    """The address of a file in ``static/``; it changes with the content, so it is kept for ever."""
    digest = hashlib.sha256((DIRECTORY / "static" / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


def render_page(
    visit: Visit, template: str, *, status: int = HTTPStatus.OK, **values: Any
) -> HTMLResponse:
    """A whole page. The flash message, and what is shown ``once``, are shown and forgotten."""
    common = _NOTHING | {
        "now": visit.now,
        "csrf": visit.csrf,
        "signed_in": visit.signed_in,
        "flash": FLASHES.get(visit.flash, ""),
    }
    response = HTMLResponse(_templates().get_template(template).render(common | values), status)
    if visit.flash:
        delete_cookie(response, FLASH, is_https=visit.is_https)
    if values.get("once"):
        delete_cookie(response, ONCE, is_https=visit.is_https)
    return response


def render_text(template: str, **values: Any) -> str:
    """A part of a page as text, for an event of a stream."""
    return _templates().get_template(template).render(**values)


def render_fragment(visit: Visit, template: str, **values: Any) -> HTMLResponse:
    """A part of a page, for htmx."""
    common = {"now": visit.now, "csrf": visit.csrf}
    return HTMLResponse(_templates().get_template(template).render(common | values))


def stream_page(page: Response, results: AsyncIterator[str]) -> Response:
    """``page`` with ``results`` in the place of its mark, each sent as soon as it is known."""
    head, _, tail = bytes(page.body).decode().partition(_RESULTS)

    async def parts() -> AsyncIterator[str]:
        yield head
        async for result in results:
            yield result
        yield tail

    return StreamingResponse(parts(), media_type="text/html")


def workspace_values(visit: Visit, *, area: str, at_top: bool = False) -> dict[str, Any]:
    """What every page of a workspace needs; raises NotFound for one that is not the caller's."""
    workspace = show_workspace(visit.place.store, visit.caller, visit.path["workspace_id"])
    return {
        "workspace": workspace,
        "workspaces": list_workspaces(visit.place.store, visit.caller, limit=_IN_SWITCHER),
        "area": area,
        "at_top": at_top,
        "may_edit": may_edit(visit.caller, workspace),
        "base": f"/workspaces/{workspace.id}",
    }


def may_edit(caller: Caller, workspace: Workspace) -> bool:
    """Whether the caller may change domains and sources there: control has the last word."""
    role = caller.role_in(workspace.id)
    return role is not None and role.includes(Role.EDITOR)


def redirect(visit: Visit, path: str, *, flash: str = "") -> Response:
    """Go on to another page of ours, by GET, with a message to show there."""
    response = RedirectResponse(path, HTTPStatus.SEE_OTHER)
    if flash:
        assert flash in FLASHES
        set_cookie(response, FLASH, flash, is_https=visit.is_https)
    return response
