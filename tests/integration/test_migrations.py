from pathlib import Path

from firstparty.store.engine import Store
from firstparty.store.migrate import find_differences, migrate


def test_the_migrations_make_exactly_the_tables_that_the_code_knows(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    migrate(store)
    migrate(store)

    assert find_differences(store) == []
    store.close()
