"""What was edited afterwards: the new words stand in the place of the first, which are one click away.

Somebody's edit is a message of its own in the store, which names the one that it replaces as the provider does.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.machines.message import MessageState
from storage.outbox.columns import table
from storage.tables import Message

_MESSAGES = table(Message)
_NOT_IN_FORCE = (MessageState.FAILED, MessageState.REJECTED, MessageState.CANCELLED, MessageState.SKIPPED)
"""An edit of ours that did not arrive changed nothing: the customer has the first words."""

Name = tuple[str, str]
"""The direction of a message, and what its provider calls it."""


def name_of(row: Any) -> Name | None:
    """By what an edit of the message would name it."""
    name = (row.content or {}).get("message_id", "") if row.direction == "in" else row.provider_id
    return (row.direction, str(name)) if name else None


def replaced_by(row: Any) -> Name | None:
    """Which message the row is an edit of; None where it is none, or did not come to be."""
    name = str((row.content or {}).get("replaces", ""))
    if not name or (row.direction == "out" and row.state in _NOT_IN_FORCE):
        return None
    return row.direction, name


class Edits:
    """What became of the messages in a stretch of a thread. Rows are ``messages`` rows."""

    def __init__(self, rows: Sequence[Any]) -> None:
        edits, firsts = defaultdict[Name, list[Any]](list), dict[Name, Any]()
        for row in sorted(rows, key=lambda one: one.id):
            replaced, name = replaced_by(row), name_of(row)
            if replaced is not None:
                edits[replaced].append(row)
            elif name is not None and not (row.content or {}).get("replaces"):
                firsts.setdefault(name, row)
        self._of: Mapping[str, Sequence[Any]] = {row.id: edits[name] for name, row in firsts.items() if name in edits}
        self._folded = frozenset(one.id for rows in self._of.values() for one in rows)

    def of(self, row: Any) -> Sequence[Any]:
        """The edits of the message, the oldest first."""
        return self._of.get(row.id, ())

    def folded(self, row: Any) -> bool:
        """Whether the row's words stand in the place of another's."""
        return row.id in self._folded


async def edits_after(connection: AsyncConnection, customer_id: str, rows: Sequence[Any], after: str) -> Sequence[Any]:
    """Edits of messages among ``rows`` that came later than the id ``after``."""
    names = [name for row in rows if (name := name_of(row)) is not None]
    if not names:
        return []
    later = select(_MESSAGES).where(_MESSAGES.c.customer_id == customer_id, _MESSAGES.c.id >= after)
    wanted = _MESSAGES.c.content["replaces"].as_string().in_(sorted({name for _, name in names}))
    return [row for row in await connection.execute(later.where(wanted)) if replaced_by(row) in names]


async def firsts_of(connection: AsyncConnection, customer_id: str, rows: Sequence[Any]) -> Sequence[Any]:
    """The messages that edits among ``rows`` replace and that are not among them, with all other edits of them."""
    there = {name_of(row) for row in rows if replaced_by(row) is None}
    wanted = {name for row in rows if (name := replaced_by(row)) is not None} - there
    if not wanted:
        return []
    names = sorted({name for _, name in wanted})
    content = _MESSAGES.c.content
    theirs = select(_MESSAGES).where(
        _MESSAGES.c.customer_id == customer_id,
        or_(
            _MESSAGES.c.provider_id.in_(names),
            content["message_id"].as_string().in_(names),
            content["replaces"].as_string().in_(names),
        ),
    )
    known = {row.id for row in rows}
    found = [row for row in await connection.execute(theirs) if row.id not in known]
    return [row for row in found if {name_of(row), replaced_by(row)} & wanted]
