"""The guide for somebody new: from an empty workspace to the first message, on one page."""

from http import HTTPStatus
from typing import Any, Final

from starlette.responses import Response

from firstparty.console import domain_page
from firstparty.console.guide import GuideFacts, StepState, choose_domain, list_steps
from firstparty.console.messages import ask_spool
from firstparty.console.pages import render_fragment, render_page, workspace_values
from firstparty.console.snippet_cards import snippet_cards
from firstparty.console.visits import Visit
from firstparty.console.words import WORD_SENTENCES
from firstparty.control.domains import list_domains
from firstparty.control.sources import SourceView, list_sources
from firstparty.control.views import DomainView
from firstparty.errors import Unavailable
from firstparty.events.ledger import read_ledger
from firstparty.events.spool import Spool
from firstparty.model.status import Intent
from firstparty.model.workspaces import SourceType

_LOOKED_AT: Final = 50  # somebody with more needs no guide
_REFRESH_SECONDS: Final = 5
_CALM_SECONDS: Final = 60


def show_first_steps(visit: Visit) -> Response:
    """Every step, with what to do now."""
    return render_page(visit, "first_steps.html", **_values(visit))


def watch_first_steps(visit: Visit) -> Response:
    """The steps anew, if anything changed since the page was made; nothing otherwise."""
    values = _values(visit)
    if values["digest"] == visit.query.get("seen"):
        return Response(status_code=HTTPStatus.NO_CONTENT)  # htmx leaves the page as it is
    return render_fragment(visit, "first_steps_list.html", **values)


def _values(visit: Visit) -> dict[str, Any]:
    values = workspace_values(visit, area="domains")
    facts, sources = _look(visit)
    states, view = list_steps(facts), facts.domain
    source = next((one for one in sources if facts.source and one.source == facts.source), None)
    snippet = None
    if source is not None and source.facts is not None:
        snippet = snippet_cards(source.source, source.facts)[0]
    digest = "-".join(states.values())
    if view is not None:
        digest += domain_page.digest_of(view)
    return values | {
        "here": f"{values['base']}/start",
        "states": states,
        "done": sum(state is StepState.DONE for state in states.values()),
        "is_finished": set(states.values()) == {StepState.DONE},
        "source": source and source.source,
        "snippet": snippet,
        "view": view,
        "domain_path": view and f"{values['base']}/domains/{view.domain.id}",
        "records": domain_page.record_lines(view.records) if view else (),
        "parent": domain_page.relative_name(view.domain.name)[1] if view else "",
        "zone_file": domain_page.zone_file(view.records) if view else "",
        "sentence": WORD_SENTENCES[view.word] if view else "",
        "stopwatch": domain_page.stopwatch_total(view, visit.now) if view else "",
        "messages": facts.messages,
        "digest": digest,
        "refresh_seconds": _CALM_SECONDS
        if set(states.values()) == {StepState.DONE}
        else _REFRESH_SECONDS,
    }


def _look(visit: Visit) -> tuple[GuideFacts, list[SourceView]]:
    place, workspace_id = visit.place, visit.path["workspace_id"]
    views = list_domains(
        place.store, visit.caller, workspace_id=workspace_id, rules=place.rules, limit=_LOOKED_AT
    )
    view = choose_domain([one for one in views if one.domain.intent is not Intent.REMOVED])
    sources = list_sources(
        place.store, visit.caller, workspace_id=workspace_id, rules=place.rules, limit=_LOOKED_AT
    )
    scripts = [one for one in sources if one.source.type is SourceType.JAVASCRIPT]
    on_domain = [one for one in scripts if view and one.domain and one.domain.id == view.domain.id]
    chosen = next((one.source for one in (*on_domain, *scripts)), None)
    messages: int | None = 0
    if view is not None and view.observation.statuses.has_been_live:
        messages = _count_messages(visit, view)
    facts = GuideFacts(source=chosen, domain=view, messages=messages)
    return facts, sources


def _count_messages(visit: Visit, view: DomainView) -> int | None:
    numbers = [one.source.number for one in view.sources]

    async def read(spool: Spool) -> int:
        now = await read_ledger(spool.log, spool.outcomes)
        return sum(now.ledger.account(number).accepted for number in numbers)

    try:
        return ask_spool(visit, read)
    except Unavailable:
        return None
