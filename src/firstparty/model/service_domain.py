"""The service domain's own hosts, driven like any domain: its zone, certificates and probes.

They belong to a workspace of nobody, so that no tenant sees them.
"""

from typing import Final

WORKSPACE_ID: Final = "wsp_service"
DEFAULT_HOSTS_ID: Final = "dom_service"  # cdn. and api.
CONSOLE_ID: Final = "dom_console"  # console., with a certificate of its own


def is_own(domain_id: str) -> bool:
    """Whether the domain is the service domain: there is nothing to prove, and no owner."""
    return domain_id in {DEFAULT_HOSTS_ID, CONSOLE_ID}
