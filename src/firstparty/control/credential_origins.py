"""Which pages beside the site's own may send to a domain's API host with the visitor's cookies."""

import re
from dataclasses import replace
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from firstparty.control.callers import Caller, require_role
from firstparty.control.rules import Rules
from firstparty.control.views import DomainView, load_views
from firstparty.errors import NotFound, Refused
from firstparty.model.workspaces import Role
from firstparty.store import domains, work
from firstparty.store.engine import Store
from firstparty.store.people import add_audit

MAX_ORIGINS: Final = 50
_HOST: Final = re.compile(r"[0-9a-z](?:[0-9a-z.-]{0,251}[0-9a-z])?")


def set_credential_origins(
    store: Store,
    caller: Caller,
    domain_id: str,
    *,
    origins: tuple[str, ...],
    rules: Rules,
    now: datetime,
) -> DomainView:
    """Put this list in the place of the domain's; raises Refused, NotFound."""
    wanted = tuple(dict.fromkeys(parse_web_origin(one) for one in origins))
    if len(wanted) > MAX_ORIGINS:
        raise Refused(
            "origins-too-many",
            f"{len(wanted)} origins are too many: {MAX_ORIGINS} is the most.",
            field="origins",
        )
    with store.write() as connection:
        domain = domains.load_domain(connection, domain_id)
        if domain is None:
            raise NotFound("domain", domain_id)
        require_role(caller, domain.workspace_id, Role.EDITOR, kind="domain", identifier=domain_id)
        if wanted != domain.credential_origins:
            domains.save_credential_origins(connection, domain_id, wanted)
            add_audit(
                connection,
                at=now,
                workspace_id=domain.workspace_id,
                actor=caller.actor,
                action="domain.credential_origins_changed",
                subject=domain_id,
                detail={"before": list(domain.credential_origins), "after": list(wanted)},
            )
            work.wake(connection, domain_id, now=now)
            domain = replace(domain, credential_origins=wanted)
        return load_views(connection, [domain], rules)[0]


def parse_web_origin(text: str) -> str:
    """``https://HOST[:PORT]`` as browsers write it in the Origin header; raises Refused."""
    try:
        parts = urlsplit(text.strip().lower())
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        parts, port, host = urlsplit(""), None, ""
    is_origin = (
        parts.scheme == "https"
        and parts.path in {"", "/"}
        and not (parts.query or parts.fragment or parts.username or parts.password)
        and _HOST.fullmatch(host)
        and port != 0
    )
    if not is_origin:
        raise Refused(
            "origin-invalid",
            f"{text!r} is no origin of a page: write https, a host in A-labels, perhaps a port, "
            "and no path, such as https://www.shop.example.",
            field="origins",
        )
    return f"https://{host}" + (f":{port}" if port not in {None, 443} else "")
