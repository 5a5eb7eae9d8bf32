"""Keeping the desk: who waits gets an agent, snoozes end, broken promises are told, nobody waits for an empty desk,
and what fell silent is over.

Run by the tick and whenever something about the desk changed. Each customer is one transaction of their own; what
another process has done meanwhile is seen under the lock and left.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.handoff import ownership
from bot.handoff.agents import Team, mark_silent, team
from bot.handoff.assignment import Candidate, Waiting, chosen, in_turn
from bot.handoff.ownership import NotYours
from bot.handoff.record import LATE, record
from campaigns.definition import WorkspaceConfig
from campaigns.definition.desk import MAIN_QUEUE
from campaigns.live import workspace_config
from campaigns.periods import zone_named
from core.actors import SYSTEM
from core.clock import Clock, machine_now
from core.machines.conversation import ConversationState
from core.transitions import IllegalTransition
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Agent, Conversation, FlowRun, Message

_AGENTS, _CONVERSATIONS = table(Agent), table(Conversation)
_MESSAGES, _RUNS = table(Message), table(FlowRun)
AT_ONCE, SILENT_AT_ONCE = 200, 50


@dataclass(frozen=True, slots=True)
class Kept:
    """What one round did: conversations by what became of them."""

    assigned: Mapping[str, str]
    woken: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    given_up: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.assigned or self.woken or self.late or self.given_up or self.silent)


async def keep_desk(store: Store, clock: Clock) -> Kept:
    """One round over everything that is due. Two processes may do it at once."""
    now = clock.now()
    async with store.write() as connection:
        await mark_silent(connection, machine_now())
    async with store.read() as connection:
        config = await workspace_config(connection)
        present = await team(connection, config.zone, now)
        waiting = await _waiting(connection)
        snoozed = await _ids(connection, ConversationState.SNOOZED, _CONVERSATIONS.c.snoozed_until <= now)
        late = await _late(connection, now)
    return Kept(
        assigned=await _assign(store, config, present, waiting, now),
        woken=await _wake(store, snoozed, now),
        late=await _tell_late(store, late, now),
        given_up=await _give_up(store, config, present, now),
        silent=await _end_silent(store, config, now),
    )


async def _waiting(connection: AsyncConnection) -> list[Waiting]:
    rows = await connection.execute(
        select(_CONVERSATIONS).where(_CONVERSATIONS.c.state == ConversationState.QUEUED)
        .order_by(_CONVERSATIONS.c.priority.desc(), _CONVERSATIONS.c.queued_at, _CONVERSATIONS.c.id).limit(AT_ONCE)
    )  # fmt: skip
    return in_turn(
        Waiting(row.id, row.queue or MAIN_QUEUE, row.language, row.agent, row.priority, row.queued_at or row.opened_at)
        for row in rows
    )


async def _ids(connection: AsyncConnection, state: ConversationState, *conditions: object) -> list[str]:
    found = select(_CONVERSATIONS.c.id).where(_CONVERSATIONS.c.state == state, *conditions).limit(AT_ONCE)  # type: ignore[arg-type]
    return list(await connection.scalars(found))


async def _assign(
    store: Store, config: WorkspaceConfig, present: Team, waiting: list[Waiting], now: datetime
) -> dict[str, str]:
    """Give those who wait to those who are free, one by one, so that loads stay even within the round."""
    free: dict[str, Candidate] = {candidate.id: candidate for candidate in present.candidates}
    assigned: dict[str, str] = {}
    for one in waiting:
        agent = chosen(one, list(free.values()), config.desk.assignment)
        if agent is None:
            continue
        async with store.write() as connection:
            row = await ownership.held(connection, one.conversation_id)
            if row.state is not ConversationState.QUEUED:
                continue
            try:
                await ownership.take(connection, row.id, agent.id, actor=SYSTEM, now=now, over=row.token)
            except NotYours:
                continue
            await connection.execute(update(_AGENTS).where(_AGENTS.c.id == agent.id).values(given_at=now))
        free[agent.id] = replace(agent, chats=agent.chats + 1, last_given=now)
        assigned[one.conversation_id] = agent.id
    return assigned


async def _wake(store: Store, ids: list[str], now: datetime) -> tuple[str, ...]:
    woken = []
    for id_ in ids:
        async with store.write() as connection:
            row = await ownership.held(connection, id_)
            if row.state is ConversationState.SNOOZED and row.snoozed_until is not None and row.snoozed_until <= now:
                await ownership.wake(connection, id_, actor=SYSTEM, now=now)
                woken.append(id_)
    return tuple(woken)


async def _late(connection: AsyncConnection, now: datetime) -> list[str]:
    """Whose promise is broken and not told yet: no first answer in time, or not done in time."""
    broken = or_(_CONVERSATIONS.c.answer_due < now, _CONVERSATIONS.c.resolve_due < now)
    told_before = or_(
        _CONVERSATIONS.c.alerted_at.is_(None),
        _CONVERSATIONS.c.alerted_at < _CONVERSATIONS.c.answer_due,
        _CONVERSATIONS.c.alerted_at < _CONVERSATIONS.c.resolve_due,
    )
    talking = _CONVERSATIONS.c.state.in_([ConversationState.QUEUED, ConversationState.ASSIGNED])
    found = select(_CONVERSATIONS.c.id).where(talking, broken, told_before).limit(AT_ONCE)
    return list(await connection.scalars(found))


async def _tell_late(store: Store, ids: list[str], now: datetime) -> tuple[str, ...]:
    told = []
    for id_ in ids:
        async with store.write() as connection:
            row = await ownership.held(connection, id_)
            broken = [
                name for name in ("answer_due", "resolve_due")
                if (due := getattr(row, name)) is not None and due < now
                and (row.alerted_at is None or row.alerted_at < due)
            ]  # fmt: skip
            if not broken:
                continue
            await connection.execute(update(_CONVERSATIONS).where(_CONVERSATIONS.c.id == id_).values(alerted_at=now))
            detail = {"promises": [name.removesuffix("_due") for name in broken], "agent": row.agent}
            await record(connection, id_, row.customer_id, LATE, actor=SYSTEM, now=now, detail=detail)
            told.append(id_)
    return tuple(told)


async def _give_up(store: Store, config: WorkspaceConfig, present: Team, now: datetime) -> tuple[str, ...]:
    """With nobody online for so long, the bot takes over again; the message stays for the desk to find."""
    if config.desk.nobody != "bot" or present.online:
        return ()
    since = config.desk.patience.before(now, zone_named(config.zone))
    async with store.read() as connection:
        ids = await _ids(connection, ConversationState.QUEUED, _CONVERSATIONS.c.queued_at <= since)
    given_up = []
    for id_ in ids:
        async with store.write() as connection:
            try:
                await ownership.give_back(connection, id_, actor=SYSTEM, now=now, why="nobody online")
            except IllegalTransition:
                continue
            given_up.append(id_)
    return tuple(given_up)


async def _end_silent(store: Store, config: WorkspaceConfig, now: datetime) -> tuple[str, ...]:
    """The bot's own conversations without a word from either side, and without a flow that waits for one, are over."""
    since = config.desk.close_after.before(now, zone_named(config.zone))
    said = exists().where(_MESSAGES.c.conversation_id == _CONVERSATIONS.c.id, _MESSAGES.c.created_at > since)
    asked = exists().where(_RUNS.c.customer_id == _CONVERSATIONS.c.customer_id, _RUNS.c.closed_at.is_(None))
    silent = (
        select(_CONVERSATIONS.c.id)
        .where(_CONVERSATIONS.c.state == ConversationState.BOT, _CONVERSATIONS.c.last_at <= since, ~said, ~asked)
        .order_by(_CONVERSATIONS.c.last_at)
        .limit(SILENT_AT_ONCE)
    )
    async with store.read() as connection:
        ids = list(await connection.scalars(silent))
    ended = []
    for id_ in ids:
        async with store.write() as connection:
            if await ownership.fall_silent(connection, id_, since, now=now):
                ended.append(id_)
    return tuple(ended)
