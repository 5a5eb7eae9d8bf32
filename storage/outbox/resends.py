"""Resends: an operator says a message again that was lost sight of. Each is a leg of its own of the same step."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, func, not_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.given import IDS, given_ids
from storage.outbox.columns import table
from storage.tables import Message

RESEND = "resend-"
"""What the name of a resend's leg begins with; its number follows."""
_AGAIN, _LOST = table(Message).alias("again"), table(Message).alias("lost")


def is_resend(message: FromClause) -> ColumnElement[bool]:
    """Whether the message says another one again."""
    return message.c.leg.startswith(RESEND, autoescape=True)


_REPEATS = and_(
    _LOST.c.enrolment_id == _AGAIN.c.enrolment_id,
    _LOST.c.step == _AGAIN.c.step,
    _LOST.c.identity_id == _AGAIN.c.identity_id,
    not_(is_resend(_LOST)),
    is_resend(_AGAIN),
)
_LOST_OF = (
    select(_AGAIN.c.id, func.min(_LOST.c.id)).join(_LOST, _REPEATS).where(given_ids(_AGAIN.c.id)).group_by(_AGAIN.c.id)
)
_LAST_OF = (
    # ids are in the order of time
    select(_LOST.c.id, func.max(_AGAIN.c.id)).join(_AGAIN, _REPEATS).where(given_ids(_LOST.c.id)).group_by(_LOST.c.id)
)


async def what_they_repeat(connection: AsyncConnection, message_ids: Collection[str]) -> dict[str, str]:
    """By the id of each resend among ``message_ids``, the message that was lost sight of."""
    return await _pairs(connection, _LOST_OF, message_ids)


async def their_resends(connection: AsyncConnection, message_ids: Collection[str]) -> dict[str, str]:
    """By the id of each of ``message_ids`` that was said again, its last resend."""
    return await _pairs(connection, _LAST_OF, message_ids)


async def _pairs(connection: AsyncConnection, statement: Select[Any], ids: Collection[str]) -> dict[str, str]:
    if not ids:
        return {}
    return {row[0]: row[1] for row in await connection.execute(statement, {IDS: list(ids)})}
