"""For the marketer: what is asked and not answered, alike questions together, and what the answers came to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.text import clipped
from storage.outbox.columns import table
from storage.tables import Message, Question

_QUESTIONS, _MESSAGES = table(Question), table(Message)
MOST_GROUPS = 2_000
"""Different wordings that are looked through, most asked first."""
_ALIKE = 0.6
"""Two wordings are one question if they share this part of their words."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A question without an answer that helps. ``question`` is how it was asked first, in the customer's own words.

    ``times`` is how often it was asked, by ``customers``; ``not_helped`` of these got an answer that did not help.
    ``nearest`` is the key of the answer that came nearest, with its ``certainty`` (0 to 100).
    """

    question: str
    language: str
    words: str
    times: int
    customers: int
    not_helped: int
    channels: tuple[str, ...]
    first_at: datetime
    last_at: datetime
    nearest: str
    certainty: int


@dataclass(frozen=True, slots=True)
class Tally:
    """How often an answer was said, and what customers said of it."""

    answer: str
    said: int
    helped: int
    not_helped: int
    last_at: datetime


@dataclass(slots=True)
class _Group:
    """Rows of alike wordings while they are put together; ``rows`` most asked first."""

    language: str
    words: frozenset[str]
    rows: list[Any]


async def unanswered(
    connection: AsyncConnection, since: datetime, *, language: str = "", limit: int = 50
) -> list[Unanswered]:
    """What was asked from ``since`` on and not answered, or by an answer that did not help; most asked first."""
    open_ = or_(_QUESTIONS.c.answer == "", _QUESTIONS.c.helped.is_(False))
    wanted = and_(_QUESTIONS.c.at >= since, _QUESTIONS.c.words != "", open_)
    if language:
        wanted = and_(wanted, _QUESTIONS.c.language == language)
    times = func.count()
    rows = await connection.execute(
        select(
            _QUESTIONS.c.language,
            _QUESTIONS.c.words,
            _QUESTIONS.c.channel,
            times.label("times"),
            func.count(_QUESTIONS.c.customer_id.distinct()).label("customers"),
            func.sum(case((_QUESTIONS.c.helped.is_(False), 1), else_=0)).label("not_helped"),
            func.min(_QUESTIONS.c.at).label("first_at"),
            func.max(_QUESTIONS.c.at).label("last_at"),
            func.min(_QUESTIONS.c.message_id).label("message_id"),
        )
        .where(wanted)
        .group_by(_QUESTIONS.c.language, _QUESTIONS.c.words, _QUESTIONS.c.channel)
        .order_by(times.desc(), _QUESTIONS.c.language, _QUESTIONS.c.words)
        .limit(MOST_GROUPS)
    )
    groups = sorted(_together(rows.all()), key=lambda one: (-sum(row.times for row in one.rows), sorted(one.words)))
    groups = groups[:limit]
    first = {min(row.message_id for row in group.rows) for group in groups}
    asked = {
        row.message_id: row
        for row in await connection.execute(
            select(_QUESTIONS.c.message_id, _QUESTIONS.c.nearest, _QUESTIONS.c.certainty, _MESSAGES.c.body)
            .join(_MESSAGES, _MESSAGES.c.id == _QUESTIONS.c.message_id)
            .where(_QUESTIONS.c.message_id.in_(sorted(first)))
        )
    }
    return [_told(group, asked[min(row.message_id for row in group.rows)]) for group in groups]


def _together(rows: Sequence[Any]) -> list[_Group]:
    """Alike wordings in one group; the most asked of them gathers the others."""
    groups: list[_Group] = []
    having: dict[tuple[str, str], list[_Group]] = {}
    for row in rows:
        words = frozenset(row.words.split())
        near = {id(group): group for word in words for group in having.get((row.language, word), ())}
        group = max(near.values(), key=lambda one: _likeness(one.words, words), default=None)
        if group is None or _likeness(group.words, words) < _ALIKE:
            group = _Group(row.language, words, [])
            groups.append(group)
            for word in words:
                having.setdefault((row.language, word), []).append(group)
        group.rows.append(row)
    return groups


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other)


def _told(group: _Group, first: Any) -> Unanswered:
    return Unanswered(
        question=clipped(" ".join(first.body.split()), 200),
        language=group.language,
        words=group.rows[0].words,
        times=sum(row.times for row in group.rows),
        customers=sum(row.customers for row in group.rows),
        not_helped=sum(row.not_helped for row in group.rows),
        channels=tuple(sorted({row.channel for row in group.rows})),
        first_at=min(row.first_at for row in group.rows),
        last_at=max(row.last_at for row in group.rows),
        nearest=first.nearest,
        certainty=first.certainty,
    )


async def tallies(connection: AsyncConnection, since: datetime) -> list[Tally]:
    """What each answer that was said from ``since`` on came to, most said first."""
    said = func.count()
    rows = await connection.execute(
        select(
            _QUESTIONS.c.answer,
            said.label("said"),
            func.sum(case((_QUESTIONS.c.helped.is_(True), 1), else_=0)).label("helped"),
            func.sum(case((_QUESTIONS.c.helped.is_(False), 1), else_=0)).label("not_helped"),
            func.max(_QUESTIONS.c.at).label("last_at"),
        )
        .where(_QUESTIONS.c.at >= since, _QUESTIONS.c.answer != "")
        .group_by(_QUESTIONS.c.answer)
        .order_by(said.desc(), _QUESTIONS.c.answer)
    )
    return [Tally(*row) for row in rows]
