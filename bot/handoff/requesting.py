"""Asking for a person: the customer's conversation waits in a queue, with a promise.

A campaign asks by a command; flows, answers and customers themselves ask within the transaction of what was said.
"""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.handoff import ownership
from bot.handoff.agents import team
from bot.handoff.hours import WorkingHours
from bot.handoff.ownership import Request
from bot.handoff.promises import honest_answer, promised
from campaigns.definition import WorkspaceConfig
from campaigns.definition.desk import NORMAL
from campaigns.live import workspace_config
from campaigns.periods import zone_named
from campaigns.running.commands import Finish, OpenCommand
from campaigns.running.handing_over import conversation_of
from core.actors import Actor
from core.clock import Clock
from core.ids import new_id
from core.machines.conversation import ConversationState
from storage.outbox.columns import table
from storage.statements import lock_customers
from storage.store import Store
from storage.tables import Audit, Conversation, Customer

_CUSTOMERS, _AUDIT, _CONVERSATIONS = table(Customer), table(Audit), table(Conversation)


async def request_person(
    connection: AsyncConnection, conversation_id: str, request: Request, config: WorkspaceConfig, *, actor: Actor,
    now: datetime,
) -> datetime | None:  # fmt: skip
    """Let the customer wait for a person; gives by when they honestly get an answer, or None where they wait already.

    The queue's own priority counts where the request has none of its own.
    """
    queue, hours = config.desk.queue(request.queue), WorkingHours.of(config.staff, config.zone)
    promise = promised(queue, hours, now)
    sticks_since = config.desk.sticky.before(now, zone_named(config.zone))
    asked = Request(
        request.why, request.queue, request.priority if request.priority != NORMAL else queue.priority, request.note,
        request.language, sticks_since,
    )  # fmt: skip
    if not await ownership.queue(connection, conversation_id, asked, promise, actor=actor, now=now):
        return None
    ahead = await connection.scalar(
        select(func.count())
        .select_from(_CONVERSATIONS)
        .where(_CONVERSATIONS.c.state == ConversationState.QUEUED, _CONVERSATIONS.c.id != conversation_id)
    )
    online = (await team(connection, config.zone, now)).online
    agents = online if hours.is_open(now) else config.staff.agents
    return honest_answer(
        promise.answer, hours, now, ahead=int(ahead or 0), agents=agents,
        answers_per_hour=config.staff.answers_per_hour,
    )  # fmt: skip


class Handoffs:
    """Carries out ``handoff`` commands: from then on campaigns hold until the desk has resolved the conversation."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def __call__(self, command: OpenCommand, finish: Finish) -> None:
        payload, now = command.payload, self._clock.now()
        customer_id = str(payload["customer_id"])
        async with self._store.write() as connection:
            await lock_customers(connection, [customer_id], shared=False)
            known = await connection.scalar(select(_CUSTOMERS.c.id).where(_CUSTOMERS.c.id == customer_id))
            if known is not None:
                conversation_id = await conversation_of(connection, customer_id, now)
                actor = Actor("system", f"campaign:{payload['campaign_id']}")
                request = Request("campaign", str(payload.get("queue", "")), note=str(payload.get("note", "")))
                config = await workspace_config(connection)
                await request_person(connection, conversation_id, request, config, actor=actor, now=now)
                detail = {name: payload.get(name, "") for name in ("campaign_id", "step", "queue", "note")}
                await connection.execute(
                    _AUDIT.insert().values(
                        id=new_id(), at=now, actor=f"campaign:{payload['campaign_id']}", action="handoff",
                        subject="conversation", subject_id=conversation_id, detail=detail,
                    )
                )  # fmt: skip
            await finish(connection)
