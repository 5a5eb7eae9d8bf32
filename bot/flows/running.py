"""Running flows: what customers write, time-outs and webhooks' answers move runs; what comes of it is carried out.

Everything happens in one transaction with the customer locked exclusively, so that two messages at once, or a message
and a time-out, move a run one after the other. A flow talks only while the bot has the conversation.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.context import Context
from bot.flows.builtin import built_in
from bot.flows.carrying import Answers, Place, Proofs, no_answers
from bot.flows.definition import FlowBody
from bot.flows.effects import Begun, Proved, Signal, TimedOut
from bot.flows.live import flow_hash, live_flows
from bot.flows.moving import Runner, Watch, close_run, open_run
from bot.flows.opened import begin_opened, opened_just_now
from bot.flows.understanding import Heard
from bot.keywords import script_language
from bot.proofs import Asked, ask_for_proof
from bot.senders import Sender
from campaigns.definition import WorkspaceConfig
from campaigns.live import workspace_config
from core.clock import Clock
from core.machines.conversation import ConversationState
from core.messages import EMAIL, InboundMessage
from core.purposes import Purpose
from core.text import clipped
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
    row = await open_run(connection, sender.customer_id)
    for message in await opened_just_now(connection, [sender.customer_id], context.now):
        if await begin_opened(connection, message, context.now, answers):
            row = await open_run(connection, sender.customer_id)
    if row is None and not live.bodies:
        return False
    place = await _place(connection, inbound, sender, conversation_id)
    if place is None:
        if row is not None:
            await close_run(connection, row, context.now)
        return False
    called = live.called_by(inbound.text, button=inbound.button, start=inbound.start_token)
    by_hand = bool(called) and (bool(inbound.start_token) or called in _by_button(live.bodies, inbound.button))
    tongue = await _tongue(connection, inbound, conversation_id)
    proofs = partial(_ask_for_proof, context)
    runner = Runner(connection, place, context.config, context.now, answers, tongue, proofs=proofs)
    if row is not None and not by_hand:
        return await runner.go_on(row, _heard(inbound))
    name = called or ("" if inbound.text.startswith("/start") else live.default)
    if not name:
        return False
    if row is not None:
        await close_run(connection, row, context.now)
    await runner.begin(name, live.versions[name], live.bodies[name], Begun(inbound.text))
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
    if body is None or await open_run(connection, place.customer_id) is not None:
        return False
    version = live.versions.get(name) or flow_hash(body)
    if name not in live.versions:
        kept = {"hash": version, "flow": name, "body": body.as_json(), "applied_by": "", "created_at": now}
        await insert_missing(connection, _VERSIONS, [kept])
    await Runner(connection, place, config, now, answers, purpose=purpose).begin(name, version, body, Begun())
    return True


async def proved(
    connection: AsyncConnection, customer_id: str, now: datetime, *, ok: bool, answers: Answers = no_answers
) -> bool:
    """Tell the customer's run that the code which it asked for was said, or never will be. The customer is locked."""
    row = await open_run(connection, customer_id)
    return row is not None and await resume(connection, row.id, Proved(ok), now, answers=answers)


async def leave(connection: AsyncConnection, customer_id: str, now: datetime) -> bool:
    """End the customer's run, if one is open: they said stop, or somebody else has them. The customer is locked."""
    row = await open_run(connection, customer_id)
    if row is not None:
        await close_run(connection, row, now)
    return row is not None


async def running(connection: AsyncConnection, customer_ids: Collection[str], now: datetime) -> frozenset[str]:
    """Those of the customers who are in a flow, or have just been asked by a campaign: what they write is for it."""
    wanted = select(_RUNS.c.customer_id).where(given_ids(_RUNS.c.customer_id), _RUNS.c.closed_at.is_(None))
    opened = await opened_just_now(connection, customer_ids, now)
    asked = await connection.scalars(wanted, {IDS: sorted(set(customer_ids))})
    return frozenset(asked) | {row.customer_id for row in opened}


async def resume(
    connection: AsyncConnection,
    run_id: str,
    signal: Signal,
    now: datetime,
    *,
    answers: Answers = no_answers,
    proofs: Proofs | None = None,
    watch: Watch | None = None,
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
        await close_run(connection, row, now)
        return False
    config = await workspace_config(connection)
    place = Place(row.customer_id, row.identity_id, row.channel, conversation.id, conversation.token)
    tongue = str(conversation.language)
    await Runner(connection, place, config, now, answers, tongue, proofs=proofs, watch=watch).go_on(row, signal)
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


async def _ask_for_proof(
    context: Context, connection: AsyncConnection, customer_id: str, channel: str, address: str
) -> Asked:
    return await ask_for_proof(connection, customer_id, channel, address, context)


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
