from pathlib import Path

from alembic import command
from sqlalchemy import text

from firstparty.model.workspaces import Origin
from firstparty.store.engine import Store
from firstparty.store.migrate import build_config, find_differences, migrate
from firstparty.store.workspaces import add_workspace, load_source
from tests.builders import a_workspace


def test_the_migrations_make_exactly_the_tables_that_the_code_knows(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    migrate(store)
    migrate(store)

    assert find_differences(store) == []
    store.close()


def test_sources_of_an_earlier_version_are_self_hosted(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    command.upgrade(build_config(store), "0001")
    with store.write() as connection:
        add_workspace(connection, a_workspace())
        connection.execute(
            text(
                "INSERT INTO sources (id, workspace_id, name, type, write_key, region, upstream,"
                " alias, settings, created_at) VALUES ('src_1', 'wsp_1', 'Web', 'javascript',"
                " 'WK', 'us', 'https://up.test', 'alias', '{}', '2026-11-21 12:00:00.000000')"
            )
        )
    migrate(store)
    with store.read() as connection:
        source = load_source(connection, "src_1")
    store.close()

    assert source is not None
    assert source.origin is Origin.SELF_HOSTED
