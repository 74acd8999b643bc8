"""A domain's page, the fragment that keeps it live, and what can be done to it."""

from collections.abc import Callable
from datetime import UTC
from functools import partial
from typing import Any, Final

from cryptography import x509
from starlette.responses import Response

from firstparty.console import domain_page
from firstparty.console.pages import redirect, render_fragment, render_page, workspace_values
from firstparty.console.snippet_cards import content_security_policy, snippet_cards
from firstparty.console.visits import Visit
from firstparty.console.words import ROLLS, WORD_SENTENCES
from firstparty.control import domains, key_rolls
from firstparty.control.callers import require_role
from firstparty.control.certificates import list_tries
from firstparty.control.views import DomainView
from firstparty.errors import NotFound
from firstparty.model.certificates import Certificate
from firstparty.model.status import Intent, Word
from firstparty.model.workspaces import Role
from firstparty.store.certificates import load_newest_certificate
from firstparty.store.work import list_history

_TRIES: Final = 6  # on the page; the rest by REST


def show_domain(visit: Visit) -> Response:
    """The whole page."""
    values = workspace_values(visit, area="domains")
    facts = _facts(visit, load_domain(visit))
    return render_page(visit, "domain.html", **values | facts)


def watch_domain(visit: Visit) -> Response:
    """What changed since the page was made: always the clock, the facts only when they differ.

    So text that somebody is selecting stays where it is, and a screen reader hears of a new word
    and of nothing else.
    """
    values = workspace_values(visit, area="domains")
    facts = _facts(visit, load_domain(visit))
    differs = {
        "is_fragment": True,
        "is_changed": facts["digest"] != visit.query.get("seen"),
        "is_new_word": facts["view"].word != visit.query.get("word"),
    }
    return render_fragment(visit, "domain_fragment.html", **values | facts | differs)


def ask_to_remove(visit: Visit) -> Response:
    """What removing it will do, with a button."""
    values = workspace_values(visit, area="domains")
    view = load_domain(visit)
    workspace_id = visit.path["workspace_id"]
    require_role(visit.caller, workspace_id, Role.EDITOR, kind="domain", identifier=view.domain.id)
    if view.domain.intent is Intent.REMOVED:
        return redirect(visit, _here(visit))
    _, parent = domain_page.relative_name(view.domain.name)
    return render_page(
        visit,
        "domain_remove.html",
        **values,
        view=view,
        here=_here(visit),
        parent=parent,
        zone_file=domain_page.zone_file(view.records),
    )


def check_domain(visit: Visit) -> Response:
    """Look now."""
    return _act(visit, domains.check_domain, flash="domain-checked")


def pause_domain(visit: Visit) -> Response:
    """Keep everything, do nothing."""
    return _act(visit, domains.pause_domain, flash="domain-paused")


def resume_domain(visit: Visit) -> Response:
    """Go on."""
    return _act(visit, domains.resume_domain, flash="domain-resumed")


def roll_key(visit: Visit) -> Response:
    """Replace the key that its zone is signed with, step by step."""
    return _act(visit, key_rolls.roll_key, flash="key-roll-asked")


def remove_domain(visit: Visit) -> Response:
    """Remove it, after the page that says what happens."""
    at_once = visit.form.text("at_once") == "yes"
    return _act(visit, partial(domains.remove_domain, drains=not at_once), flash="domain-removed")


def _act(visit: Visit, change: Callable[..., DomainView], *, flash: str) -> Response:
    view = load_domain(visit)
    change(
        visit.place.store,
        visit.caller,
        view.domain.id,
        rules=visit.place.rules,
        now=visit.now,
    )
    return redirect(visit, _here(visit), flash=flash)


def load_domain(visit: Visit) -> DomainView:
    """The domain that the address names; raises NotFound, also for another workspace's."""
    domain_id = visit.path["domain_id"]
    view = domains.show_domain(visit.place.store, visit.caller, domain_id, rules=visit.place.rules)
    if view.domain.workspace_id != visit.path["workspace_id"]:
        raise NotFound("domain", domain_id)
    return view


def _here(visit: Visit) -> str:
    return f"/workspaces/{visit.path['workspace_id']}/domains/{visit.path['domain_id']}"


def _facts(visit: Visit, view: DomainView) -> dict[str, Any]:
    domain = view.domain
    with visit.place.store.read() as connection:
        certificate = load_newest_certificate(connection, domain.id)
        rows = list_history(connection, domain.id)
    history = [
        {"at": row.at, "word": Word(row.word), "findings": row.detail.get("findings", [])}
        for row in rows
    ]
    found = sum(record.found for record in view.records)
    return {
        "view": view,
        "here": _here(visit),
        "tab": "overview",
        "is_fragment": False,
        "is_removed": domain.intent is Intent.REMOVED,
        "is_up": view.word in {Word.LIVE, Word.WARNING},
        "is_settled": view.word is Word.REMOVED,
        "sentence": WORD_SENTENCES[view.word],
        "four": domain_page.four_statuses(view),
        "steps": domain_page.steps_of(view),
        "stopwatch": domain_page.stopwatch_total(view, visit.now),
        "records": domain_page.record_lines(view.records),
        "optional_records": domain_page.record_lines(view.optional_records),
        "roll": ROLLS[view.roll.state] if view.roll else "",
        "found_count": found,
        "is_all_found": found == len(view.records),
        "parent": domain_page.relative_name(domain.name)[1],
        "zone_file": domain_page.zone_file(view.records),
        "providers": domain_page.provider_forms(view),
        "tries": list_tries(visit.place.store, visit.caller, domain.id, now=visit.now)[:_TRIES],
        "certificate": certificate and _certificate(certificate),
        "history": history,
        "snippet_groups": [
            {
                "source": each.source,
                "snippets": snippet_cards(each.source, each.facts),
            }
            for each in view.sources
            if each.facts
        ],
        "csp": next(
            (content_security_policy(each.facts) for each in view.sources if each.facts), ""
        ),
        "digest": domain_page.digest_of(view, certificate and certificate.id, len(rows)),
        "refresh_seconds": int(domain_page.refresh_after(view).total_seconds()),
        "checked_at": view.observation.checked_at,
        "next_look": domain_page.look_again_at(view),
    }


def say_issuer(issuer: x509.Name) -> str:
    """The CA as people know it: its common name, and the organisation in brackets."""
    parts = [
        str(attribute.value)
        for oid in (x509.NameOID.COMMON_NAME, x509.NameOID.ORGANIZATION_NAME)
        for attribute in issuer.get_attributes_for_oid(oid)
    ]
    if not parts:
        return issuer.rfc4514_string()
    first, *others = parts
    return f"{first} ({', '.join(others)})" if others else first


def _certificate(certificate: Certificate) -> dict[str, Any]:
    leaf = x509.load_pem_x509_certificate(certificate.chain.encode())
    return {
        "issuer": say_issuer(leaf.issuer),
        "not_after": certificate.not_after.astimezone(UTC),
        "renew_at": certificate.due_at,
        "names": certificate.names,
    }
