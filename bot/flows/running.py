"""Running flows: what customers write, time-outs and webhooks' answers move runs; what comes of it is carried out.

Everything happens in one transaction with the customer locked exclusively, so that two messages at once, or a message
and a time-out, move a run one after the other. A flow talks only while the bot has the conversation.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.context import Context
from bot.flows.builtin import built_in
from bot.flows.carrying import Answers, Carrier, Place, at_turn, no_answers
from bot.flows.definition import FlowBody
from bot.flows.effects import Begun, Decision, Facts, OpenHandoff, Run, Signal, TimedOut
from bot.flows.engine import FlowRunsAway, advance
from bot.flows.live import flow_bodies, flow_hash, live_flows
from bot.flows.speaking import Surroundings
from bot.flows.understanding import Heard
from bot.keywords import script_language
from bot.senders import Sender
from campaigns.customers.columns import customers_by_id, orders_of
from campaigns.definition import WorkspaceConfig
from campaigns.live import workspace_config
from campaigns.starting.audience import in_segment
from campaigns.templates.errors import TemplateFailure
from campaigns.templates.variables import NO_ORDERS
from core.clock import Clock
from core.errors import Refused
from core.ids import new_id
from core.machines.conversation import ConversationState
from core.machines.flow_run import FLOW_RUN, HAND_OVER, LEAVE, OPEN_RUNS
from core.messages import EMAIL, InboundMessage
from core.purposes import Purpose
from core.text import clipped
from core.transitions import apply
from storage.given import IDS, given_ids
from storage.intake import storable
from storage.outbox.columns import table
from storage.statements import insert_missing, lock_customers
from storage.store import Store
from storage.tables import Conversation, CustomerTag, FlowRun, FlowVersion

log = structlog.get_logger(__name__)

_RUNS, _CONVERSATIONS, _TAGS = table(FlowRun), table(Conversation), table(CustomerTag)
_VERSIONS = table(FlowVersion)
AT_ONCE = 100
"""Time-outs a round; each is a transaction of its own."""
_MOST_TURNS = 20
"""Turns that one signal may cause, by answers that come back at once."""


async def take(
    connection: AsyncConnection,
    inbound: InboundMessage,
    sender: Sender,
    conversation_id: str,
    context: Context,
    *,
    answers: Answers = no_answers,
) -> bool:
    """Let a flow have the message that was just logged; True where one took it.

    An open run hears it (one that it only ends, since it is no answer, leaves it to whoever comes next), else a flow
    begins that it sets off: by word, link or button, at last the default one. Orders (stop, start, help) are not to
    come here. The customer is locked; ``inbound.button`` is what was chosen.
    """
    if inbound.automatic or inbound.replaces or not sender.verified:  # what was edited has been answered
        return False
    live = await live_flows(connection)
    row = await _open_run(connection, sender.customer_id)
    if row is None and not live.bodies:
        return False
    place = await _place(connection, inbound, sender, conversation_id)
    if place is None:
        if row is not None:
            await _close(connection, row, context.now)
        return False
    called = live.called_by(inbound.text, button=inbound.button, start=inbound.start_token)
    by_hand = bool(called) and (bool(inbound.start_token) or called in _by_button(live.bodies, inbound.button))
    tongue = await _tongue(connection, inbound, conversation_id)
    runner = _Runner(connection, place, context.config, context.now, answers, tongue)
    if row is not None and not by_hand:
        return await runner.go_on(row, _heard(inbound))
    name = called or ("" if inbound.text.startswith("/start") else live.default)
    if not name:
        return False
    if row is not None:
        await _close(connection, row, context.now)
    await runner.begin(name, live.versions[name], live.bodies[name], inbound.text)
    return True


async def begin(
    connection: AsyncConnection,
    name: str,
    place: Place,
    config: WorkspaceConfig,
    now: datetime,
    *,
    answers: Answers = no_answers,
    purpose: Purpose = Purpose.CONVERSATION,
) -> bool:
    """Begin a flow in a conversation that the bot has; False where there is no such flow, or another one runs.

    ``purpose`` is why it may write before the customer answers. Flows that come with the program
    (:mod:`bot.flows.builtin`) need not be applied. The customer is locked.
    """
    live = await live_flows(connection)
    body = live.bodies.get(name) or built_in(name)
    if body is None or await _open_run(connection, place.customer_id) is not None:
        return False
    version = live.versions.get(name) or flow_hash(body)
    if name not in live.versions:
        kept = {"hash": version, "flow": name, "body": body.as_json(), "applied_by": "", "created_at": now}
        await insert_missing(connection, _VERSIONS, [kept])
    await _Runner(connection, place, config, now, answers, purpose=purpose).begin(name, version, body, "")
    return True


async def leave(connection: AsyncConnection, customer_id: str, now: datetime) -> bool:
    """End the customer's run, if one is open: they said stop, or somebody else has them. The customer is locked."""
    row = await _open_run(connection, customer_id)
    if row is not None:
        await _close(connection, row, now)
    return row is not None


async def running(connection: AsyncConnection, customer_ids: Collection[str]) -> frozenset[str]:
    """Those of the customers who are in a flow: what they write is for it."""
    wanted = select(_RUNS.c.customer_id).where(given_ids(_RUNS.c.customer_id), _RUNS.c.closed_at.is_(None))
    return frozenset(await connection.scalars(wanted, {IDS: sorted(set(customer_ids))}))


async def resume(
    connection: AsyncConnection, run_id: str, signal: Signal, now: datetime, *, answers: Answers = no_answers
) -> bool:
    """Move a run by something else than a message; False where it is over, or somebody else has the conversation."""
    customer_id = await connection.scalar(select(_RUNS.c.customer_id).where(_RUNS.c.id == run_id))
    if customer_id is None:
        return False
    await lock_customers(connection, [customer_id], shared=False)
    row = (await connection.execute(_RUNS.select().where(_RUNS.c.id == run_id))).first()
    if row is None or row.closed_at is not None:
        return False
    conversation = (
        await connection.execute(
            _CONVERSATIONS.select().where(
                _CONVERSATIONS.c.customer_id == row.customer_id,
                _CONVERSATIONS.c.verified.is_(True),
                _CONVERSATIONS.c.state != ConversationState.RESOLVED,
            )
        )
    ).first()
    if conversation is None or conversation.state is not ConversationState.BOT:
        await _close(connection, row, now)
        return False
    config = await workspace_config(connection)
    place = Place(row.customer_id, row.identity_id, row.channel, conversation.id, conversation.token)
    await _Runner(connection, place, config, now, answers, str(conversation.language)).go_on(row, signal)
    return True


async def time_out_runs(store: Store, clock: Clock, *, answers: Answers = no_answers) -> int:
    """Move every run whose wait is over; gives how many. Two processes may do it at once."""
    now = clock.now()
    async with store.read() as connection:
        due = list(
            await connection.scalars(
                select(_RUNS.c.id).where(_RUNS.c.closed_at.is_(None), _RUNS.c.due_at <= now)
                .order_by(_RUNS.c.due_at, _RUNS.c.id).limit(AT_ONCE)
            )
        )  # fmt: skip
    for run_id in due:
        async with store.write() as connection:
            await resume(connection, run_id, TimedOut(), now, answers=answers)
    return len(due)


class _Runner:
    """One customer's run in one transaction."""

    def __init__(
        self, connection: AsyncConnection, place: Place, config: WorkspaceConfig, now: datetime, answers: Answers,
        tongue: str = "", purpose: Purpose = Purpose.CONVERSATION,
    ) -> None:  # fmt: skip
        self._connection = connection
        self._place = place
        self._config = config
        self._now = now
        self._answers = answers
        self._tongue = tongue
        self._purpose = purpose

    async def begin(self, name: str, version: str, body: FlowBody, text: str) -> None:
        """Write a new run and take its first steps."""
        run_id, run = new_id(), Run()
        await self._connection.execute(
            _RUNS.insert().values(
                id=run_id, customer_id=self._place.customer_id, flow=name, version=version, began_at=self._now,
                **_columns(run, self._place, self._now),
            )
        )  # fmt: skip
        await self._move(run_id, name, body, run, Begun(text))

    async def go_on(self, row: Any, signal: Signal) -> bool:
        """Move an open run; False where it is over and nothing came of the signal."""
        found = await flow_bodies(self._connection, [row.version])
        run = Run(row.state, row.step, row.answers, row.tries, row.turn, row.due_at, row.said)
        body = found.get(row.version)
        if body is None:
            await _close(self._connection, row, self._now)
            return False
        return await self._move(row.id, row.flow, body, run, signal)

    async def _move(self, run_id: str, name: str, body: FlowBody, run: Run, signal: Signal) -> bool:
        carrier = Carrier(
            self._connection, name, run_id, run.turn, self._place, self._config, self._now, self._answers,
            self._purpose,
        )  # fmt: skip
        signals, before, done = [signal], run.answers, False
        for _ in range(_MOST_TURNS):
            if not signals:
                break
            facts = await self._facts(body)
            decision = _decided(body, run, signals.pop(0), facts, self._now)
            run, done = decision.run, done or bool(decision.effects)
            signals += await at_turn(carrier, run.turn).carry_out(decision.effects)
        await self._connection.execute(
            update(_RUNS).where(_RUNS.c.id == run_id).values(**_columns(run, self._place, self._now))
        )
        return done or run.state in OPEN_RUNS or run.answers != before

    async def _facts(self, body: FlowBody) -> Facts:
        connection, place, config = self._connection, self._place, self._config
        ids = [place.customer_id]
        customer = (await customers_by_id(connection, ids)).get(place.customer_id, {})
        orders = (await orders_of(connection, ids, self._now)).get(place.customer_id, NO_ORDERS)
        tags = await connection.scalars(select(_TAGS.c.tag).where(_TAGS.c.customer_id == place.customer_id))
        segments = set()
        for name in sorted(body.definition.asked_segments):
            try:
                if await in_segment(connection, name, ids, config, self._now):
                    segments.add(name)
            except Refused as error:
                log.warning("a flow asks about a segment that is not there", segment=name, error=str(error))
        around = Surroundings(
            brand=config.brand,
            channel=place.channel,
            locale=self._tongue or config.locale,
            default_locale=config.locale,
            currency=config.currency,
            zone=str(customer.get("zone") or customer.get("zone_guess") or config.zone),
            customer=customer,
            orders=orders,
        )
        return Facts(around, frozenset(tags), frozenset(segments))


def _decided(body: FlowBody, run: Run, signal: Signal, facts: Facts, now: datetime) -> Decision:
    """What the engine decides; a flow that breaks hands over to a person instead of going silent."""
    try:
        return advance(body, run, signal, facts, now)
    except (TemplateFailure, FlowRunsAway) as error:
        log.warning("a flow broke", flow=body.definition.name, step=run.step, error=str(error))
        over = replace(run, state=apply(FLOW_RUN, run.state, HAND_OVER.event), due_at=None, turn=run.turn + 1)
        how = body.definition.human
        return Decision(over, (OpenHandoff(run.step, how.queue, f"the flow broke: {error}", how.priority),))


def _columns(run: Run, place: Place, now: datetime) -> dict[str, Any]:
    """A run as its row keeps it."""
    return {
        "identity_id": place.identity_id,
        "channel": place.channel,
        "state": run.state,
        "step": run.step,
        "answers": storable(dict(run.answers)),
        "tries": run.tries,
        "turn": run.turn,
        "said": storable(run.said),
        "due_at": run.due_at,
        "closed_at": None if run.state in OPEN_RUNS else now,
    }


async def _open_run(connection: AsyncConnection, customer_id: str) -> Any:
    wanted = _RUNS.select().where(_RUNS.c.customer_id == customer_id, _RUNS.c.closed_at.is_(None))
    return (await connection.execute(wanted)).first()


async def _close(connection: AsyncConnection, row: Any, now: datetime) -> None:
    left = apply(FLOW_RUN, row.state, LEAVE.event)
    await connection.execute(update(_RUNS).where(_RUNS.c.id == row.id).values(state=left, due_at=None, closed_at=now))


async def _place(
    connection: AsyncConnection, inbound: InboundMessage, sender: Sender, conversation_id: str
) -> Place | None:
    """Where the answer goes; None where the bot does not have the conversation."""
    row = (
        await connection.execute(
            select(_CONVERSATIONS.c.state, _CONVERSATIONS.c.token).where(_CONVERSATIONS.c.id == conversation_id)
        )
    ).first()
    if row is None or row.state is not ConversationState.BOT:
        return None
    thread: dict[str, Any] = {}
    channel = inbound.sender.channel
    if channel == EMAIL:
        subject = inbound.subject if inbound.subject.lower().startswith("re:") else f"Re: {inbound.subject}".strip()
        references = [one for one in (*inbound.references[-20:], inbound.message_id) if one]
        thread = {
            "subject": clipped(storable(subject), 500),
            "in_reply_to": clipped(storable(inbound.message_id), 500),
            "references": [clipped(storable(one), 500) for one in references],
        }
    return Place(sender.customer_id, sender.identity_id, channel, conversation_id, row.token, thread)


def _heard(inbound: InboundMessage) -> Heard:
    files = tuple(
        {name: value for name, value in asdict(one).items() if name in ("name", "media_type", "blob", "remote")}
        for one in inbound.attachments[:10]
    )
    return Heard(inbound.text, inbound.button, inbound.phone, files)


async def _tongue(connection: AsyncConnection, inbound: InboundMessage, conversation_id: str) -> str:
    """The language that the message suggests, else the conversation's, which a first suggestion becomes.

    Whoever began in Russian and then answers "1" goes on in Russian.
    """
    this = _CONVERSATIONS.c.id == conversation_id
    kept = str(await connection.scalar(select(_CONVERSATIONS.c.language).where(this)) or "")
    suggested = inbound.locale or script_language(inbound.text)
    if suggested and not kept:
        await connection.execute(update(_CONVERSATIONS).where(this).values(language=suggested.partition("-")[0]))
    return suggested or kept


def _by_button(bodies: Mapping[str, FlowBody], button: str) -> set[str]:
    return {name for name, body in bodies.items() if button and button in body.definition.triggers.button}
