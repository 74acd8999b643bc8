"""``python -m firstparty.serve.prepare``: the store's tables, and an empty store's first operator.

Run before the roles by ``serve.first_start``. What it made is one JSON object on its output.
"""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from firstparty.config.load import load_settings
from firstparty.control.callers import SYSTEM
from firstparty.control.people import ensure_first_operator
from firstparty.control.tokens import add_token
from firstparty.model.workspaces import Role
from firstparty.store.engine import Store
from firstparty.store.migrate import migrate

DEFAULT_EMAIL: Final = "operator@localhost"


def main() -> None:
    """Prepare the store of the settings file and print what was made, once."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--config", type=Path)
    store = Store(load_settings(arguments.parse_args().config).store_url)
    migrate(store)
    now = datetime.now(UTC)
    first = ensure_first_operator(store, email=DEFAULT_EMAIL, now=now)
    made = {}
    if first is not None:
        token = add_token(
            store, SYSTEM, workspace_id=None, name="This machine", role=Role.OWNER, now=now
        )
        made = {"email": first.email, "password": first.password, "token": token.bearer}
    store.close()
    json.dump(made, sys.stdout)


if __name__ == "__main__":
    main()
