"""``python -m firstparty.serve.prepare``: the store's tables, and a way in for the first operator.

Run before the roles by ``serve.first_start``. What it made is one JSON object on its output.
"""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from firstparty.config.load import load_settings
from firstparty.config.settings import LOCAL, Settings
from firstparty.control.callers import SYSTEM
from firstparty.control.invitations import invite_first_operator
from firstparty.control.people import ensure_first_operator
from firstparty.control.service_domain import ensure_service_domain
from firstparty.control.tokens import add_token
from firstparty.model.workspaces import Role
from firstparty.store.engine import Store
from firstparty.store.migrate import migrate

DEFAULT_EMAIL: Final = "operator@localhost"


def main() -> None:
    """Prepare the store of the settings file and print what was made, once."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--config", type=Path)
    arguments.add_argument("--with-account", action="store_true")
    given = arguments.parse_args()
    settings = load_settings(given.config)
    store = Store(settings.store_url)
    migrate(store)
    now = datetime.now(UTC)
    if has_service_domain(settings):
        ensure_service_domain(store, settings.service.domain, now=now)
    made = _make_account(store, now) if given.with_account else _make_link(store, now)
    if made:
        token = add_token(
            store, SYSTEM, workspace_id=None, name="This machine", role=Role.OWNER, now=now
        )
        made["token"] = token.bearer
    store.close()
    json.dump(made, sys.stdout)


def has_service_domain(settings: Settings) -> bool:
    """Whether somebody can give certificates for it: a public CA gives none for a laptop's name."""
    is_laptops = settings.service.domain.endswith(".localhost")
    return LOCAL in settings.certificates.in_order or not is_laptops


def _make_account(store: Store, now: datetime) -> dict[str, str]:
    first = ensure_first_operator(store, email=DEFAULT_EMAIL, now=now)
    return {} if first is None else {"email": first.email, "password": first.password}


def _make_link(store: Store, now: datetime) -> dict[str, str]:
    invited = invite_first_operator(store, now=now)
    return {} if invited is None else {"path": invited.path}


if __name__ == "__main__":
    main()
