"""Alembic's scripts: ``env.py`` and one file a migration in ``versions``."""
