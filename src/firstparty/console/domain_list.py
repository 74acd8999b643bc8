"""The domains of a workspace, and asking for one more."""

from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from firstparty.console.failures import status_of
from firstparty.console.pages import redirect, render_fragment, render_page, workspace_values
from firstparty.console.visits import Form, Visit
from firstparty.control.callers import require_role
from firstparty.control.domain_requests import DomainRequest
from firstparty.control.domains import list_domains, request_domain
from firstparty.control.sources import list_sources
from firstparty.errors import Forbidden, NotFound, Refused
from firstparty.model.domains import Mode
from firstparty.model.names import parse_domain_name
from firstparty.model.status import Word
from firstparty.model.workspaces import Role, SourceType
from firstparty.proxies.platforms import PROVIDERS
from firstparty.store.domains import DomainFilter

_PAGE: Final = 100
_SOURCES_TO_CHOOSE: Final = 500
_OF_PROXY: Final = ("cdn_host", "api_host", "provider", "target")
_WORDS: Final = (
    Word.WAITING,
    Word.VERIFYING,
    Word.ISSUING,
    Word.LIVE,
    Word.WARNING,
    Word.FAILING,
    Word.PAUSED,
    Word.MOVING,
    Word.REMOVING,
)


def show_domains(visit: Visit) -> Response:
    """The list, all of it or those of one word, or with a text in the name; a page at a time."""
    values = workspace_values(visit, area="domains", at_top=True)
    asked, part = visit.query.get("status", ""), visit.query.get("q", "").strip()
    word = Word(asked) if asked in _WORDS else None
    views = list_domains(
        visit.place.store,
        visit.caller,
        workspace_id=visit.path["workspace_id"],
        rules=visit.place.rules,
        only=DomainFilter(part=part, word=word),
        after=visit.query.get("after", ""),
        limit=_PAGE + 1,
    )
    chosen = ({"status": word} if word else {}) | ({"q": part} if part else {})
    next_page = ""
    if len(views) > _PAGE:
        query = {"after": views[_PAGE - 1].domain.id} | chosen
        next_page = f"{values['base']}/domains?{urlencode(query)}"
    return render_page(
        visit,
        "domains.html",
        **values,
        views=sorted(views[:_PAGE], key=lambda view: view.domain.name),
        words=_WORDS,
        word=word,
        part=part,
        of_part=urlencode({"q": part}),
        is_filtered=bool(word or part),
        was_any_live=any(view.observation.statuses.has_been_live for view in views),
        next_page=next_page,
    )


def show_new_domain(visit: Visit) -> Response:
    """The empty form."""
    typed = {"mode": Mode.DELEGATION, "cdn_label": "evs", "api_label": "api", "has_csp": "no"}
    chosen = tuple(visit.query.get("source", "").split())
    return _render_form(visit, typed, chosen, None)


def check_name(visit: Visit) -> Response:
    """What the rules say to a name while it is being typed; nothing until it could be one."""
    values = workspace_values(visit, area="domains")
    typed, sentence, name = visit.query.get("name", ""), "", ""
    if "." in typed.strip().strip("."):
        try:
            name = parse_domain_name(typed, visit.place.rules.names)
        except Refused as refused:
            sentence = refused.sentence
    return render_fragment(
        visit,
        "domain_name.html",
        **values,
        name=name,
        sentence=sentence,
        cdn_label=visit.query.get("cdn_label", ""),
        api_label=visit.query.get("api_label", ""),
    )


def add_domain(visit: Visit) -> Response:
    """Ask for the domain; what breaks a rule is said beside its field, nothing typed is lost."""
    workspace_id, form = visit.path["workspace_id"], visit.form
    try:
        view = request_domain(
            visit.place.store,
            visit.caller,
            workspace_id=workspace_id,
            asked=parse_domain_form(form),
            rules=visit.place.rules,
            now=visit.now,
        )
    except (NotFound, Forbidden):
        raise
    except Refused as refused:
        return _render_form(visit, form.typed(), form.texts("source_ids"), refused)
    return redirect(
        visit, f"/workspaces/{workspace_id}/domains/{view.domain.id}", flash="domain-added"
    )


def parse_domain_form(form: Form) -> DomainRequest:
    """The request as typed; the rules are control's. A proxy's fields count in its mode alone."""
    mode = _parse_mode(form.text("mode"))
    of_proxy = {name: form.text(name) for name in _OF_PROXY} if mode is Mode.PROXY else {}
    return DomainRequest(
        name=form.text("name"),
        mode=mode,
        source_ids=form.texts("source_ids"),
        cdn_label=form.text("cdn_label"),
        api_label=form.text("api_label"),
        has_csp=form.text("has_csp") == "yes",
        description=form.text("description"),
        **of_proxy,
    )


def _parse_mode(typed: str) -> Mode:
    if typed not in set(Mode) | {""}:
        raise Refused("mode-unknown", "Choose delegation, CNAME or your own proxy.", field="mode")
    return Mode(typed or Mode.DELEGATION)


def _render_form(
    visit: Visit, typed: dict[str, str], chosen: tuple[str, ...], wrong: Refused | None
) -> Response:
    values = workspace_values(visit, area="domains")
    workspace_id = visit.path["workspace_id"]
    require_role(visit.caller, workspace_id, Role.EDITOR, kind="workspace", identifier=workspace_id)
    sources = list_sources(
        visit.place.store,
        visit.caller,
        workspace_id=workspace_id,
        rules=visit.place.rules,
        limit=_SOURCES_TO_CHOOSE,
    )
    free = [view.source for view in sources if view.domain is None]
    free.sort(key=lambda source: source.type is not SourceType.JAVASCRIPT)  # what is needed first
    if not chosen and wrong is None:
        chosen = tuple(s.id for s in free if s.type is SourceType.JAVASCRIPT)[:1]
    status = status_of(wrong) if wrong else HTTPStatus.OK
    return render_page(
        visit,
        "domain_new.html",
        **values,
        status=status,
        values=typed,
        chosen_sources=chosen,
        sources_to_choose=free,
        has_sources=bool(sources),
        providers=[("", "I do not know"), *((name, name) for name in PROVIDERS)],
        has_javascript=any(source.type is SourceType.JAVASCRIPT for source in free),
        wrong=wrong,
    )
