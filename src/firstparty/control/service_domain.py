"""The service domain's own hosts as intent: stored once, followed when the setting changes."""

from datetime import datetime
from typing import Final

from firstparty.model.claims import Claim, ClaimState, move_claim
from firstparty.model.domains import Domain
from firstparty.model.identifiers import random_dns_token
from firstparty.model.service_domain import CONSOLE_ID, DEFAULT_HOSTS_ID, WORKSPACE_ID
from firstparty.model.workspaces import Workspace
from firstparty.store import domains, work, workspaces
from firstparty.store.engine import Store

_LABELS: Final = {DEFAULT_HOSTS_ID: ("cdn", "api"), CONSOLE_ID: ("console", "console")}


def ensure_service_domain(store: Store, service_domain: str, *, now: datetime) -> None:
    """Have the hosts of the service domain driven by the reconciler, under this name."""
    with store.write() as connection:
        if workspaces.load_workspace(connection, WORKSPACE_ID) is None:
            workspace = Workspace(
                id=WORKSPACE_ID, name="Service domain", alias=WORKSPACE_ID, created_at=now
            )
            workspaces.add_workspace(connection, workspace)
        for domain_id, (cdn_label, api_label) in _LABELS.items():
            there = domains.load_domain(connection, domain_id)
            if there is None:
                domain = Domain(
                    id=domain_id,
                    workspace_id=WORKSPACE_ID,
                    name=service_domain,
                    token=random_dns_token(),
                    cdn_label=cdn_label,
                    api_label=api_label,
                    created_at=now,
                )
                domains.add_domain(connection, domain)
                claim = Claim(token=domain.token, domain_id=domain_id, name=service_domain)
                domains.save_claim(connection, move_claim(claim, ClaimState.PROVED), now=now)
                work.start_work(connection, domain_id, now=now)
            elif there.name != service_domain:
                domains.rename_domain(connection, domain_id, service_domain)
                work.wake(connection, domain_id, now=now)
