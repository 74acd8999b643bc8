"""A domain's certificates: every try, one of its owner's own, and the end of a known key."""

from functools import partial
from http import HTTPStatus

from starlette.responses import Response

from firstparty.console.domain import load_domain
from firstparty.console.failures import status_of
from firstparty.console.pages import redirect, render_page, workspace_values
from firstparty.console.visits import Visit
from firstparty.control import certificates
from firstparty.errors import Conflict, Forbidden, NotFound, Refused
from firstparty.model.domains import Mode
from firstparty.store.sealing import load_sealer


def show_certificates(visit: Visit) -> Response:
    """What came of each try, and what can be done."""
    return _render(visit, {}, None)


def import_certificate(visit: Visit) -> Response:
    """Serve what was pasted; what is wrong with it is said. The private key is never sent back."""
    domain, place = load_domain(visit).domain, visit.place
    try:
        certificates.import_certificate(
            place.store,
            visit.caller,
            domain.id,
            chain=visit.form.text("chain"),
            private_key=visit.form.text("private_key"),
            open_sealer=partial(load_sealer, place.rules.edge_key),
            now=visit.now,
        )
    except (NotFound, Forbidden, Conflict):
        raise
    except Refused as refused:
        typed = {"chain": visit.form.text("chain")}
        return _render(visit, typed, refused)
    return _back(visit, "certificate-imported")


def revoke_certificates(visit: Visit) -> Response:
    """Somebody else may have the key: another one, then revoke."""
    domain = load_domain(visit).domain
    if visit.form.text("sure") != "yes":
        unsure = Refused(
            "not-sure", "Tick the box to say that you want this: it cannot be undone.", field="sure"
        )
        return _render(visit, {}, unsure)
    certificates.revoke_certificates(visit.place.store, visit.caller, domain.id, now=visit.now)
    return _back(visit, "certificates-revoked")


def _back(visit: Visit, flash: str) -> Response:
    path = f"/workspaces/{visit.path['workspace_id']}/domains/{visit.path['domain_id']}"
    return redirect(visit, f"{path}/certificates", flash=flash)


def _render(visit: Visit, typed: dict[str, str], wrong: Refused | None) -> Response:
    values = workspace_values(visit, area="domains")
    view = load_domain(visit)
    tries = certificates.list_tries(visit.place.store, visit.caller, view.domain.id, now=visit.now)
    return render_page(
        visit,
        "domain_certificates.html",
        status=status_of(wrong) if wrong else HTTPStatus.OK,
        **values,
        view=view,
        here=f"{values['base']}/domains/{view.domain.id}",
        tab="certificates",
        tries=[
            (one, certificates.find_serial(one.certificate)) if one.certificate else (one, "")
            for one in tries
        ],
        has_certificate=any(one.certificate for one in tries),
        is_proxy=view.domain.mode is Mode.PROXY,
        values=typed,
        wrong=wrong,
    )
