"""What an installation's very first start makes: a link for the first operator, told once."""

from pathlib import Path

import pytest

from firstparty.config.load import load_settings
from firstparty.control.access import find_bearer
from firstparty.control.invitations import show_invitation
from firstparty.model.workspaces import Role
from firstparty.serve.first_start import prepare_store
from firstparty.store.engine import Store
from tests.builders import NOW


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    file = tmp_path / "firstparty.toml"
    file.write_text('state = "state"\n')
    return file


async def test_the_link_and_a_token_are_told_once(config: Path) -> None:
    first = await prepare_store(config)
    again = await prepare_store(config)
    store = Store(load_settings(config, {}).store_url)

    assert first is not None
    assert again is None
    assert (first.email, first.password) == ("", "")
    invitation = show_invitation(store, first.path.removeprefix("/invitations/"), now=NOW)
    caller = find_bearer(store, first.token, now=NOW)
    store.close()
    assert (invitation.workspace_id, invitation.email) == (None, "")
    assert caller is not None
    assert caller.everywhere is Role.OWNER


async def test_a_demo_gets_an_account_instead(config: Path) -> None:
    first = await prepare_store(config, with_account=True)
    again = await prepare_store(config)

    assert first is not None
    assert first.path == ""
    assert first.email
    assert first.password
    assert again is None
