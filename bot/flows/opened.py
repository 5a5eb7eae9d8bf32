"""Flows that campaigns start: a campaign's message has said the first words, and the flow goes on behind it.

It begins once the message is out, by the journey's command; whoever answers before that finds it begun, too.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.flows.carrying import Answers, Place, no_answers
from bot.flows.effects import Begun, Opened
from bot.flows.live import flow_bodies
from bot.flows.moving import Runner, Watch, close_run, open_run
from bot.flows.places import conversation_for, place_of
from campaigns.live import workspace_config
from campaigns.running.commands import Finish, OpenCommand
from campaigns.starting.entry import MISFIRE
from campaigns.versions import definitions
from core.clock import Clock
from core.machines.enrolment import EnrolmentState
from core.machines.message import MessageState
from core.messages import EMAIL
from core.statuses import SENT
from storage.given import IDS, given_ids
from storage.outbox.columns import opens_flow, table
from storage.statements import lock_customers
from storage.store import Store
from storage.tables import Enrolment, FlowRun, Message

log = structlog.get_logger(__name__)

_MESSAGES, _RUNS, _ENROLMENTS = table(Message), table(FlowRun), table(Enrolment)
_OUT = SENT - {MessageState.FAILED}
_PLANNED_BEFORE = timedelta(days=31)
"""How long before it is out such a message may have been planned."""


async def opened_just_now(connection: AsyncConnection, customer_ids: Collection[str], now: datetime) -> Sequence[Any]:
    """Campaigns' messages to these customers whose flow should have begun by now and has not."""
    wanted = _opening().where(
        given_ids(_MESSAGES.c.customer_id), _MESSAGES.c.created_at > now - _PLANNED_BEFORE,
        _MESSAGES.c.sent_at > now - MISFIRE,
    )  # fmt: skip
    return (await connection.execute(wanted.order_by(_MESSAGES.c.sent_at), {IDS: sorted(set(customer_ids))})).all()


async def to_be_opened(connection: AsyncConnection, message_ids: Collection[str]) -> Sequence[Any]:
    """Those of the messages that are out, open a flow, and have no run of it."""
    wanted = _opening().where(given_ids(_MESSAGES.c.id))
    return (await connection.execute(wanted, {IDS: sorted(set(message_ids))})).all()


def _opening() -> Any:
    """Messages that are out, open a flow, and have no run of it."""
    begun = exists(select(_RUNS.c.id).where(_RUNS.c.message_id == _MESSAGES.c.id))
    return select(
        _MESSAGES.c.id, _MESSAGES.c.customer_id, _MESSAGES.c.identity_id, _MESSAGES.c.channel, _MESSAGES.c.version,
        _MESSAGES.c.step, _MESSAGES.c.enrolment_id,
    ).where(
        _MESSAGES.c.direction == "out", _MESSAGES.c.state.in_(_OUT), opens_flow(_MESSAGES), ~begun
    )  # fmt: skip


async def begin_opened(
    connection: AsyncConnection, message: Any, now: datetime, answers: Answers, watch: Watch | None = None
) -> bool:
    """Begin the flow behind a campaign's message; False where a person has the customer, or they left the campaign.

    Whatever other flow runs is over: this one asked last. The customer is locked.
    """
    left = await connection.scalar(select(_ENROLMENTS.c.state).where(_ENROLMENTS.c.id == message.enrolment_id))
    if left is EnrolmentState.EXITED:  # they said stop, or the campaign was stopped
        return False
    known = await definitions(connection, [message.version])
    step = known[message.version].send_step(message.step) if message.version in known else None
    if step is None or step.flow is None:
        return False
    body = (await flow_bodies(connection, [step.flow.version])).get(step.flow.version)
    if body is None:
        log.warning("a campaign starts a flow that was not applied", flow=step.flow.name, version=step.flow.version)
        return False
    conversation = await conversation_for(connection, message.customer_id, message.channel, now)
    if conversation is None:
        return False
    running = await open_run(connection, message.customer_id)
    if running is not None:
        await close_run(connection, running, now)
    place = Place(message.customer_id, message.identity_id, message.channel, *conversation)
    runner = Runner(connection, place, await workspace_config(connection), now, answers, watch=watch)
    await runner.begin(step.flow.name, step.flow.version, body, Opened(), message.id)
    return True


class CampaignFlows:
    """Carries out the commands of campaigns that begin flows."""

    def __init__(self, store: Store, clock: Clock, *, answers: Answers = no_answers) -> None:
        self._store = store
        self._clock = clock
        self._answers = answers

    async def __call__(self, command: OpenCommand, finish: Finish) -> None:
        told, now = command.payload, self._clock.now()
        async with self._store.write() as connection:
            await lock_customers(connection, [str(told["customer_id"])], shared=False)
            if told.get("message_id"):
                for message in await to_be_opened(connection, [str(told["message_id"])]):
                    await begin_opened(connection, message, now, self._answers)
            else:
                await self._begin_here(connection, str(told["customer_id"]), str(told["version"]), now)
            await finish(connection)

    async def _begin_here(self, connection: AsyncConnection, customer_id: str, version: str, now: datetime) -> None:
        """On an answer: where the customer wrote just now, if they did, and nobody else talks with them."""
        body = (await flow_bodies(connection, [version])).get(version)
        place = await place_of(connection, customer_id, now, since=now - MISFIRE)
        if body is None or place is None or place.channel == EMAIL or await open_run(connection, customer_id):
            return
        runner = Runner(connection, place, await workspace_config(connection), now, self._answers)
        await runner.begin(body.definition.name, version, body, Begun())
