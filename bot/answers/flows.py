"""Answers within a flow: what its ``answer`` step has said, under the run's fence (``bot.flows.carrying.Answers``)."""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.answers.keeping import Asked, keep_question
from bot.answers.live import LiveAnswers
from bot.answers.looking import look_up
from bot.answers.saying import content_of
from bot.conversations import plan_message
from bot.flows.carrying import Place
from core import catalogue
from core.clock import Clock
from core.messages import EMAIL
from core.purposes import Purpose
from storage.outbox.columns import table
from storage.tables import Customer, Message

_CUSTOMERS, _MESSAGES = table(Customer), table(Message)


class FlowAnswers:
    """Says what the answers in force know. Whether it helped is not asked: what comes next is the flow's to hear."""

    def __init__(self, live: LiveAnswers, clock: Clock) -> None:
        self._live = live
        self._clock = clock

    async def __call__(self, connection: AsyncConnection, place: Place, question: str, token: str, /) -> bool:
        """Plan the answer to ``question`` as the message ``token``; False, and nothing, where none is sure enough."""
        locale = await connection.scalar(select(_CUSTOMERS.c.locale).where(_CUSTOMERS.c.id == place.customer_id))
        finding = look_up(self._live.index, question, str(locale or ""))
        now = self._clock.now()
        asked = await connection.scalar(
            select(_MESSAGES.c.id)
            .where(_MESSAGES.c.conversation_id == place.conversation_id, _MESSAGES.c.direction == "in")
            .order_by(_MESSAGES.c.id.desc())
            .limit(1)
        )
        if asked is not None:
            await keep_question(connection, Asked(asked, place.customer_id, place.channel, now), finding)
        if finding.best is None:
            return False
        content = {**content_of(finding.best, ""), **place.thread}
        if place.channel == EMAIL and not content.get("subject"):
            content["subject"] = catalogue.text(finding.best.locale, "answers.subject")
        await plan_message(
            connection,
            customer_id=place.customer_id,
            identity_id=place.identity_id,
            channel=place.channel,
            conversation_id=place.conversation_id,
            client_token=token,
            purpose=Purpose.CONVERSATION,
            content=content,
            now=now,
        )
        await connection.execute(
            update(_MESSAGES)
            .where(_MESSAGES.c.conversation_id == place.conversation_id, _MESSAGES.c.client_token == token)
            .values(owner_token=place.token)
        )
        return True
