"""Alembic migrations. They run by themselves at start (:mod:`storage.migrate`)."""
