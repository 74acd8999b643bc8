"""Brings the store's tables to this version of the product (Alembic)."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from firstparty.store import tables
from firstparty.store.engine import Store

_SCRIPTS: Final = Path(__file__).parent / "migrations"


def build_config(store: Store) -> Config:
    """Alembic's settings for this store; no ini file."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["store"] = store
    return config


def migrate(store: Store) -> None:
    """Run every migration that the store has not had. Safe to call on each start."""
    command.upgrade(build_config(store), "head")


def find_differences(store: Store) -> list[object]:
    """What the store's schema and ``tables.metadata`` disagree on: nothing, if all is well."""
    with store.read() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), tables.metadata))
