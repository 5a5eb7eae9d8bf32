"""PostgreSQL's connections: how long they wait, and when they are asked whether they still live."""

import time
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

CONNECT_SECONDS = 5
LOCK_SECONDS = 15
"""How long a statement waits for another transaction's lock, and a transaction for a connection."""
IDLE_SECONDS = 30
"""How long the server lets a transaction of ours stand still: a stopped process must not hold its locks for ever."""
STATEMENT_SECONDS = 120
"""How long one statement may run: segments over millions of customers take some seconds."""
QUIET_SECONDS = 5
"""A connection that rested for so long is asked whether it lives. Asking each time was 3 % of the CPU of sending."""
_SETTINGS = {
    "application_name": "otklik",
    "lock_timeout": f"{LOCK_SECONDS}s",
    "idle_in_transaction_session_timeout": f"{IDLE_SECONDS}s",
    "statement_timeout": f"{STATEMENT_SECONDS}s",
    "jit": "off",  # compiling takes longer than any statement of ours runs
}


def open_engine(url: str, *, size: int, **options: Any) -> AsyncEngine:
    """An engine of up to ``size`` connections, and four more for a while."""
    engine = create_async_engine(
        url,
        pool_size=size,
        max_overflow=4,
        pool_timeout=LOCK_SECONDS,
        connect_args={
            "timeout": CONNECT_SECONDS,
            "server_settings": _SETTINGS,
            # for a server that is gone without a word; one that is there ends the statement itself
            "command_timeout": STATEMENT_SECONDS + LOCK_SECONDS,
        },
        **options,
    )
    _ask_the_quiet(engine)
    return engine


def _ask_the_quiet(engine: AsyncEngine) -> None:
    """Replace a connection that died unnoticed while nobody used it. One that dies in use is told to its user."""

    @event.listens_for(engine.sync_engine, "checkout")
    def ask(connection: Any, record: Any, _: Any) -> None:
        used_at = record.info.get("used_at")
        if used_at is None or time.monotonic() - used_at < QUIET_SECONDS:
            return
        dialect = engine.sync_engine.dialect
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error

    @event.listens_for(engine.sync_engine, "checkin")
    def note(_: Any, record: Any) -> None:
        record.info["used_at"] = time.monotonic()
