"""What was asked, kept: for whom it was answered, whether it helped, and what the marketer has yet to write."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.answers.looking import Finding
from campaigns.responding.arrivals import Arrival
from campaigns.responding.events import events_arrived
from core.ids import new_id
from storage.outbox.columns import table
from storage.statements import insert_into, insert_missing
from storage.tables import Event, Message, Question

_QUESTIONS, _MESSAGES, _EVENTS = table(Question), table(Message), table(Event)
SOURCE = "answers"
HELPED, DID_NOT_HELP = "answer_helped", "answer_not_helped"
"""Events of the customer, with ``answer`` among their properties."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A message that asks: whose it is, and where it stands."""

    message_id: str
    customer_id: str
    channel: str
    at: datetime


async def keep_question(connection: AsyncConnection, asked: Asked, finding: Finding) -> None:
    """Keep what was asked and what was found; a repeat changes nothing. What asks nothing is not kept."""
    if not (finding.words or finding.best):
        return
    nearest = finding.nearest
    row = {
        "message_id": asked.message_id,
        "customer_id": asked.customer_id,
        "channel": asked.channel,
        "language": finding.language,
        "words": finding.words,
        "answer": finding.best.key if finding.best is not None else "",
        "nearest": nearest.answer.key if nearest is not None else "",
        "certainty": round(100 * nearest.score) if nearest is not None else 0,
        "at": asked.at,
    }
    await insert_missing(connection, _QUESTIONS, [row])


async def question_of(connection: AsyncConnection, message_id: str, customer_id: str) -> Any:
    """What that message of the customer asked, with its ``body``; None where it asked nothing or is somebody else's."""
    found = await connection.execute(
        select(_QUESTIONS, _MESSAGES.c.body)
        .join(_MESSAGES, _MESSAGES.c.id == _QUESTIONS.c.message_id)
        .where(_QUESTIONS.c.message_id == message_id, _QUESTIONS.c.customer_id == customer_id)
    )
    return found.first()


async def keep_verdict(
    connection: AsyncConnection, question: Any, *, helped: bool, at: datetime, now: datetime
) -> bool:
    """Keep what the customer said of an answer, and let it arrive as an event; False where it was said already.

    The customer is locked by the caller.
    """
    changed = await connection.execute(
        update(_QUESTIONS)
        .where(_QUESTIONS.c.message_id == question.message_id, _QUESTIONS.c.helped.is_(None))
        .values(helped=helped)
    )
    if not changed.rowcount:
        return False
    name, properties = (HELPED if helped else DID_NOT_HELP), {"answer": question.answer}
    written = await connection.scalar(
        insert_into(connection, _EVENTS)
        .values(
            id=new_id(), customer_id=question.customer_id, name=name, at=at, amount_micros=None, currency="",
            source=SOURCE, external_id=question.message_id, properties=properties, content_hash="", recorded_at=now,
        )
        .on_conflict_do_nothing()
        .returning(_EVENTS.c.id)
    )  # fmt: skip
    if written is not None:
        await events_arrived(connection, [Arrival(question.customer_id, name, at, written, None, properties)], now)
    return True
