"""Run by Alembic: migrates the store that ``store.migrate`` handed over, in one transaction."""

from alembic import context

from firstparty.store import tables
from firstparty.store.engine import Store

_store = context.config.attributes["store"]
assert isinstance(_store, Store)

with _store.write() as _connection:
    context.configure(
        connection=_connection,
        target_metadata=tables.metadata,
        render_as_batch=True,  # SQLite alters tables by copying them
        transactional_ddl=False,  # the transaction around is ours
    )
    context.run_migrations()
