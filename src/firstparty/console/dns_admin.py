"""The page behind a DNS admin link.

Whoever has the link reads the records and their status, and nothing else of the workspace.
"""

from typing import Any

from starlette.responses import Response

from firstparty.console import domain_page
from firstparty.console.pages import render_fragment, render_page
from firstparty.console.visits import Visit
from firstparty.control import dns_links
from firstparty.control.dns_links import DnsView
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
