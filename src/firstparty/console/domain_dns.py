"""A domain's records elsewhere: links for the DNS admin, and what public resolvers have of them."""

import asyncio
from datetime import datetime, timedelta
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from starlette.responses import Response

from firstparty.console.domain import load_domain
from firstparty.console.failures import status_of
from firstparty.console.looks import admitted
from firstparty.console.once import redirect_once, take_once
from firstparty.console.pages import redirect, render_fragment, render_page, workspace_values
from firstparty.console.visits import Form, Visit
from firstparty.console.words import say_date
from firstparty.control import dns_links
from firstparty.control.propagation import (
    Spread,
    SpreadRecord,
    fetch_propagation,
    plan_questions,
)
from firstparty.errors import Conflict, Forbidden, NotFound, Refused

_DIGITS: Final = 3
_SPREADS: Final = MappingProxyType(
    {
        Spread.RIGHT: ("good", "found"),
        Spread.OTHER: ("wait", "something else"),
        Spread.NOTHING: ("wait", "not found"),
        Spread.UNKNOWN: ("idle", "no answer"),
    }
)


def show_links(visit: Visit) -> Response:
    """Every link of the domain, and a form for one more."""
    once = take_once(visit, _subject(visit))
    return _render_links(visit, {"days": str(dns_links.DEFAULT_DAYS)}, once=once)


def add_link(visit: Visit) -> Response:
    """A new link, shown on the page that comes next, and nowhere else."""
    domain = load_domain(visit).domain
    try:
        new = dns_links.add_dns_link(
            visit.place.store, visit.caller, domain.id, days=_parse_days(visit.form), now=visit.now
        )
    except (NotFound, Forbidden):
        raise
    except Refused as refused:
        return _render_links(visit, visit.form.typed(), wrong=refused)
    return redirect_once(
        visit,
        _here(visit),
        subject=_subject(visit),
        facts={"url": f"{visit.base_url}{new.path}", "until": say_date(new.link.expires_at)},
    )


def revoke_link(visit: Visit) -> Response:
    """End a link at once."""
    domain = load_domain(visit).domain
    dns_links.revoke_dns_link(
        visit.place.store, visit.caller, domain.id, visit.path["link_id"], now=visit.now
    )
    return redirect(visit, _here(visit), flash="link-revoked")


def show_propagation(visit: Visit) -> Response:
    """Ask public resolvers for the records, now."""
    values = _values(visit, tab="propagation")
    lines: list[dict[str, Any]] = []
    problem = ""
    try:
        lines = _ask_resolvers(visit)
    except (NotFound, Forbidden):
        raise
    except Refused as refused:
        problem = refused.sentence
    records = [one.record for one in values["view"].records]
    return render_page(
        visit, "domain_propagation.html", **values, lines=lines, records=records, problem=problem
    )


def watch_propagation(visit: Visit) -> Response:
    """The same as a part of the domain's page; nothing where nobody can be asked just now."""
    values = _values(visit, tab="propagation")
    try:
        lines = _ask_resolvers(visit)
    except (NotFound, Forbidden):
        raise
    except Refused:
        return Response(status_code=HTTPStatus.NO_CONTENT)  # htmx leaves what is there
    return render_fragment(visit, "domain_spread.html", **values, lines=lines)


def _ask_resolvers(visit: Visit) -> list[dict[str, Any]]:
    domain, rules = load_domain(visit).domain, visit.place.rules
    records = plan_questions(visit.place.store, visit.caller, domain.id, rules=rules)
    with admitted(visit):
        found = asyncio.run(fetch_propagation(records, rules=rules))
    return [_line(one, visit.now) for one in found]


def _line(one: SpreadRecord, now: datetime) -> dict[str, Any]:
    cached = one.cached
    tone, label = _SPREADS[one.spread]
    return {
        "resolver": str(cached.resolver).removesuffix(":53"),
        "name": cached.name,
        "type": cached.type,
        "tone": tone,
        "label": label,
        "values": sorted(cached.values),
        "until": None if cached.ttl is None else now + timedelta(seconds=cached.ttl),
        "trouble": cached.trouble or "",
    }


def _parse_days(form: Form) -> int:
    typed = form.text("days").strip()
    # What is no number is out of range, too: control has the sentence.
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) <= _DIGITS else 0


def _subject(visit: Visit) -> str:
    return f"link to {visit.path['domain_id']}"


def _here(visit: Visit) -> str:
    return f"/workspaces/{visit.path['workspace_id']}/domains/{visit.path['domain_id']}/dns-links"


def _values(visit: Visit, *, tab: str) -> dict[str, Any]:
    values = workspace_values(visit, area="domains")
    view = load_domain(visit)
    here = f"{values['base']}/domains/{view.domain.id}"
    return values | {"view": view, "here": here, "tab": tab}


def _render_links(
    visit: Visit,
    typed: dict[str, str],
    *,
    wrong: Refused | None = None,
    once: dict[str, str] | None = None,
) -> Response:
    values = _values(visit, tab="dns-links")
    found = dns_links.list_dns_links(visit.place.store, visit.caller, visit.path["domain_id"])
    # Too many links is about no field: the sentence stands above the form.
    field = None if isinstance(wrong, Conflict) else wrong and wrong.field
    return render_page(
        visit,
        "domain_links.html",
        status=status_of(wrong) if wrong else HTTPStatus.OK,
        **values,
        links=found,
        max_days=dns_links.MAX_DAYS,
        values=typed,
        once=once,
        wrong=wrong and {"sentence": wrong.sentence, "field": field},
    )
