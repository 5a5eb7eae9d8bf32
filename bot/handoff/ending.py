"""Ending a chat: its agent says that it is over, and the customer is asked how it was.

Asked is who was answered by a person of ours, on the channel where they wrote last, once in a while and never again
while another flow has them. The conversation stays over: what they answer opens it for the flow.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.flows.carrying import Answers, Place, no_answers
from bot.flows.places import WINDOW
from bot.flows.running import begin
from bot.handoff import ownership
from bot.handoff.answering import thread_of
from campaigns.definition import WorkspaceConfig
from campaigns.periods import zone_named
from core.actors import Actor
from core.agents import WROTE
from core.messages import WHATSAPP
from storage.outbox.columns import table
from storage.tables import FlowRun, Identity, Message

_IDENTITIES, _MESSAGES, _RUNS = table(Identity), table(Message), table(FlowRun)


async def end_chat(
    connection: AsyncConnection,
    conversation_id: str,
    agent: str,
    config: WorkspaceConfig,
    now: datetime,
    *,
    answers: Answers = no_answers,
    over: int | None = None,
) -> str:
    """Resolve it in the agent's name; gives the channel on which the customer is asked how it was, or nothing.

    Raises:
        NotYours: it has changed hands since the agent saw the token ``over``.
        IllegalTransition: it is over already.
        OtklikError: there is none of that id.
    """
    row = await ownership.held(connection, conversation_id)
    await ownership.resolve(connection, conversation_id, actor=Actor("agent", agent), now=now, over=over)
    if not config.desk.rating or row.blocked_at is not None or not row.verified:
        return ""
    if not await _was_answered(connection, row) or await _was_asked(connection, row, config, now):
        return ""
    place = await _place(connection, row, now)
    if place is None or not await begin(connection, config.desk.rating, place, config, now, answers=answers):
        return ""
    return place.channel


async def _was_answered(connection: AsyncConnection, row: Any) -> bool:
    """Whether a person of ours wrote to them since the conversation was over the last time."""
    since = row.resolved_at or row.opened_at
    written = select(_MESSAGES.c.id).where(
        _MESSAGES.c.conversation_id == row.id, _MESSAGES.c.client_token.startswith(WROTE),
        _MESSAGES.c.created_at >= since,
    )  # fmt: skip
    return await connection.scalar(written.limit(1)) is not None


async def _was_asked(connection: AsyncConnection, row: Any, config: WorkspaceConfig, now: datetime) -> bool:
    since = config.desk.rating_every.before(now, zone_named(config.zone))
    asked = select(_RUNS.c.id).where(
        _RUNS.c.customer_id == row.customer_id, _RUNS.c.flow == config.desk.rating, _RUNS.c.began_at > since
    )
    return await connection.scalar(asked.limit(1)) is not None


async def _place(connection: AsyncConnection, row: Any, now: datetime) -> Place | None:
    """Where they wrote last, if free words arrive there."""
    last = (
        await connection.execute(
            select(_IDENTITIES.c.id, _IDENTITIES.c.channel, _IDENTITIES.c.reachable, _IDENTITIES.c.window_from)
            .join(_MESSAGES, _MESSAGES.c.identity_id == _IDENTITIES.c.id)
            .where(_MESSAGES.c.conversation_id == row.id, _MESSAGES.c.direction == "in")
            .order_by(_MESSAGES.c.id.desc())
            .limit(1)
        )
    ).first()
    if last is None or not last.reachable:
        return None
    if last.channel == WHATSAPP and (last.window_from is None or now - last.window_from >= WINDOW):
        return None
    thread = await thread_of(connection, row.id, last.channel)
    return Place(row.customer_id, last.id, last.channel, row.id, row.token, thread)
