"""The page behind a DNS admin link, and the button that makes one.

Whoever has the link reads the records and their status, and nothing else of the workspace.
"""

from typing import Any

from starlette.responses import Response

from firstparty.console import domain_page
from firstparty.console.pages import render_fragment, render_page, workspace_values
from firstparty.console.visits import Visit
from firstparty.control import dns_links
from firstparty.control.dns_links import DnsView
from firstparty.control.domains import show_domain
from firstparty.errors import NotFound
from firstparty.model.status import Word

_SETTLED = frozenset({Word.LIVE, Word.REMOVED})
_LOOK_SECONDS = 5
_CALM_SECONDS = 30


def show_dns(visit: Visit) -> Response:
    """The whole page; the same 404 for a link that never was, was revoked, or is over."""
    values = _values(visit)
    return render_page(visit, "dns_admin.html", **values)


def watch_dns(visit: Visit) -> Response:
    """What is live of the page."""
    return render_fragment(visit, "dns_admin_live.html", **_values(visit))


def make_link(visit: Visit) -> Response:
    """A new link, shown once."""
    values = workspace_values(visit, area="domains")
    domain_id = visit.path["domain_id"]
    place = visit.place
    view = show_domain(place.store, visit.caller, domain_id, rules=place.rules)
    if view.domain.workspace_id != visit.path["workspace_id"]:
        raise NotFound("domain", domain_id)
    new = dns_links.add_dns_link(place.store, visit.caller, domain_id, now=visit.now)
    return render_page(
        visit,
        "dns_link_made.html",
        **values,
        view=view,
        here=f"{values['base']}/domains/{domain_id}",
        url=f"{visit.base_url}{new.path}",
        link=new.link,
    )


def _values(visit: Visit) -> dict[str, Any]:
    view = dns_links.open_dns_link(
        visit.place.store, visit.path["secret"], rules=visit.place.rules, now=visit.now
    )
    _, parent = domain_page.relative_name(view.name)
    return {
        "view": view,
        "parent": parent,
        "records": domain_page.record_lines(view.records),
        "zone_file": domain_page.zone_file(view.records),
        "found_count": sum(one.found for one in view.records),
        "sentence": _say(view),
        "here": f"/dns/{visit.path['secret']}",
        "refresh_seconds": _CALM_SECONDS if view.word in _SETTLED else _LOOK_SECONDS,
    }


def _say(view: DnsView) -> str:
    if view.is_removed:
        return "This domain is not used any more: its records can be deleted."
    if view.findings:
        return "There is something to do."
    if all(one.found for one in view.records):
        return "All records are there. Nothing is left to do; leave them in place."
    return "The records are not there yet."
