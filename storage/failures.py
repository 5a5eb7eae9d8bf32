"""What the databases' errors mean: gone for the moment, a lost transaction, a wrong setting, or a mistake of ours.

PostgreSQL says it by SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html), SQLite by its class of
exception.
"""

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnection

from core.errors import ConfigurationError, OtklikError, StoreUnavailable, TransactionLost

CANNOT_OPEN = "the database file cannot be opened; check OTKLIK_DATABASE_URL, its folder and its permissions"
_LOST = frozenset(
    {
        "40000",  # rolled back
        "40001",  # serialization failure
        "40003",  # rolled back, or perhaps not
        "40P01",  # deadlock
        "55P03",  # lock_timeout
        "57014",  # statement_timeout
        "25P03",  # idle_in_transaction_session_timeout
        "25P04",  # transaction_timeout
    }
)
_AWAY = (
    "08",  # the connection failed
    "53",  # no memory, disk or connection is left
    "57P",  # shut down, starting, or ended by an operator
    "58",  # the server's own system failed it
    "25006",  # a standby that only reads: the primary is elsewhere
)
_REFUSED = ("28", "3D000")
"""The user, its password or the database's name is wrong."""


def in_our_words(error: BaseException) -> OtklikError | None:
    """The error as ours, for people and without the statement; None if it is a mistake of the program."""
    if isinstance(error, NoFreeConnection):
        return StoreUnavailable("too many transactions at once: no connection to the database became free")
    if not isinstance(error, DBAPIError):
        return StoreUnavailable(_gone(error)) if isinstance(error, OSError) else None
    said = _said(error)
    state = str(getattr(error.orig, "sqlstate", None) or "")
    if state in _LOST:
        return TransactionLost(f"the transaction was rolled back, to be tried again: {said}")
    if state.startswith(_REFUSED):
        return ConfigurationError(f"the database refuses us: {said}; check OTKLIK_DATABASE_URL")
    if "database is locked" in said:
        return StoreUnavailable("the database is locked by another process; close it, or wait and try again")
    if "unable to open database file" in said:
        return StoreUnavailable(CANNOT_OPEN)
    gone = state.startswith(_AWAY) or error.connection_invalidated
    return StoreUnavailable(_gone(error)) if gone or isinstance(error, OperationalError | InterfaceError) else None


def _gone(error: BaseException) -> str:
    return f"the database does not answer: {_said(error)}"


def _said(error: BaseException) -> str:
    """The first line of what the database said; drivers put their own class before it."""
    original = getattr(error, "orig", None) or error
    original = original.__cause__ or original
    return str(original).splitlines()[0] if str(original) else type(original).__name__
