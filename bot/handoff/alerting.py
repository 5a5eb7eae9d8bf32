"""Telling agents where they are: what needs them goes to their own messenger, in one line with a link to the desk.

A broken promise, an urgent customer who waits, their name in a note. Told is who is on duty: in their shift, or,
without one, signed in. However much happens, an agent gets one message in :data:`GAP`, with all since the last in it.
What is to be told stands in the store before it is sent; a process that dies in between may leave one untold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.handoff.agents import on_shift
from bot.handoff.record import LATE, NOTE
from campaigns.definition import WorkspaceConfig
from campaigns.definition.desk import MAIN_QUEUE
from campaigns.live import workspace_config
from campaigns.templates.localised import local_digits
from core import catalogue
from core.agents import Presence
from core.clock import Clock, machine_now, uptime
from core.errors import ChannelFault, PermanentFailure, SendFailure
from core.ids import id_floor
from core.machines.conversation import QUEUE, REOPEN, ConversationState
from storage.outbox.columns import table
from storage.statements import insert_into
from storage.store import Store
from storage.tables import Agent, Conversation, ConversationEvent, Cursor

log = structlog.get_logger(__name__)

_AGENTS, _CONVERSATIONS, _CURSORS = table(Agent), table(Conversation), table(Cursor)
_EVENTS = table(ConversationEvent)
CURSOR = "desk: alerts"
URGENT = 2
"""From this priority on a customer who begins to wait is told of."""
GAP = timedelta(minutes=5)
BEHIND = timedelta(seconds=5)
"""Machine time. Transactions are over in a fraction of it: none that is open still is passed over."""
AT_ONCE = 200
LOOK_SECONDS = 5.0
MOST = 50
"""Conversations that are kept for one agent; who has more to look at opens the desk."""
KINDS = ("late", "urgent", "mentioned")
_TELLING = (LATE, NOTE, QUEUE.event, REOPEN.event)
Due = dict[str, list[str]]
"""Of one agent: the conversations to be told of, by kind."""


class Messenger(Protocol):
    """Writes to one person of ours."""

    async def tell(self, user: str, words: str) -> None:
        """Raises SendFailure or ChannelFault, as an adapter's ``send``."""
        ...


@dataclass(frozen=True, slots=True)
class _Told:
    """One message: to whom, in which words, about what."""

    agent: str
    user: str
    words: str
    due: Due


class Alerts:
    """Tells. ``link`` is where the desk is, as people type it."""

    def __init__(
        self, store: Store, clock: Clock, messenger: Messenger, link: str, *, look_seconds: float = LOOK_SECONDS
    ) -> None:
        self._store = store
        self._clock = clock
        self._messenger = messenger
        self._link = link.rstrip("/")
        self._look_seconds = look_seconds
        self._next = 0.0

    async def run_once(self) -> int:
        """Tell what is due now; gives how many messages left.

        Raises:
            StoreUnavailable: the rest waits.
        """
        if uptime() < self._next:
            return 0
        self._next = uptime() + self._look_seconds
        told = await self._told()
        for one in told:
            await self._send(one)
        return len(told)

    async def _told(self) -> Sequence[_Told]:
        now, machine = self._clock.now(), machine_now()
        up_to = id_floor(machine - BEHIND)
        async with self._store.read() as connection:
            state = await connection.scalar(select(_CURSORS.c.value).where(_CURSORS.c.account == CURSOR))
            news = await _news(connection, str(state["after"]), up_to) if state is not None else []
            if state is not None and not news and not state.get("due"):
                return ()
        async with self._store.write() as connection:
            if state is None:  # from now on: nothing is made up for
                first = insert_into(connection, _CURSORS).values(
                    account=CURSOR, value={"after": up_to}, updated_at=machine
                )
                await connection.execute(first.on_conflict_do_nothing())
                return ()
            kept = await _kept(connection)
            if kept != state:
                return ()  # another process is at it
            config = await workspace_config(connection)
            people = await _on_duty(connection, config, now) if config.desk.alerts else []
            due = {agent: dict(one) for agent, one in kept.get("due", {}).items()}
            for event in news:
                for agent, kind in await _whom(connection, event, people):
                    listed = due.setdefault(agent, {}).setdefault(kind, [])
                    if event.conversation_id not in listed and len(listed) < MOST:
                        listed.append(event.conversation_id)
            last = {agent: at for agent, at in kept.get("told", {}).items() if _lately(at, machine)}
            told = await self._written(connection, [one for one in people if one.id not in last], due)
            there = {person.id for person in people}  # whose shift is over is told nothing afterwards
            value = {
                "after": news[-1].id if news else kept["after"],
                "due": {agent: one for agent, one in due.items() if agent in there},
                "told": last | dict.fromkeys((one.agent for one in told), machine.isoformat()),
            }
            if value != kept:
                await _keep(connection, value)
        return told

    async def _written(self, connection: AsyncConnection, people: Sequence[Any], due: dict[str, Due]) -> list[_Told]:
        """The messages to ``people``, out of what is ``due``."""
        told = []
        for person in people:
            still = await _still(connection, person.id, due.pop(person.id, {}))
            if still:
                told.append(_Told(person.id, person.telegram, self._words(still, person.locale), still))
        return told

    async def _send(self, one: _Told) -> None:
        try:
            await self._messenger.tell(one.user, one.words)
        except PermanentFailure as failure:  # they never wrote to the bot, or blocked it
            log.warning("an agent cannot be told", agent=one.agent, error=str(failure))
        except (SendFailure, ChannelFault) as failure:
            log.warning("an agent was not told", agent=one.agent, error=str(failure))
            await self._put_back(one)

    async def _put_back(self, one: _Told) -> None:
        """It goes with the next message."""
        async with self._store.write() as connection:
            value = await _kept(connection)
            newer = value.get("due", {}).get(one.agent, {})
            joined = {
                kind: list(dict.fromkeys([*one.due.get(kind, ()), *newer.get(kind, ())]))[:MOST] for kind in KINDS
            }
            value["due"] = {**value.get("due", {}), one.agent: {kind: ids for kind, ids in joined.items() if ids}}
            await _keep(connection, value)

    def _words(self, due: Due, locale: str) -> str:
        parts = [
            catalogue.text(locale, f"desk.alert_{kind}", number=local_digits(str(len(due[kind])), locale))
            for kind in KINDS
            if due.get(kind)
        ]
        ids = {id_ for listed in due.values() for id_ in listed}
        where = f"inbox/{ids.pop()}" if len(ids) == 1 else "inbox"
        return f"{' · '.join(parts)} {self._link}/desk/{where}"


async def _kept(connection: AsyncConnection) -> dict[str, Any]:
    """How far it is told, under the row's lock: from which event on, what is due to whom, who was told when."""
    wanted = select(_CURSORS.c.value).where(_CURSORS.c.account == CURSOR).with_for_update()
    return dict(await connection.scalar(wanted) or {})


async def _keep(connection: AsyncConnection, value: Mapping[str, Any]) -> None:
    mine = _CURSORS.update().where(_CURSORS.c.account == CURSOR)
    await connection.execute(mine.values(value=value, updated_at=machine_now()))


async def _news(connection: AsyncConnection, after: str, up_to: str) -> Sequence[Any]:
    found = select(_EVENTS.c.id, _EVENTS.c.conversation_id, _EVENTS.c.event, _EVENTS.c.detail).where(
        _EVENTS.c.id > after, _EVENTS.c.id < up_to, _EVENTS.c.event.in_(_TELLING)
    )
    return (await connection.execute(found.order_by(_EVENTS.c.id).limit(AT_ONCE))).all()


async def _on_duty(connection: AsyncConnection, config: WorkspaceConfig, now: datetime) -> list[Any]:
    """Agents who can be told now."""
    rows = await connection.execute(
        select(_AGENTS).where(_AGENTS.c.disabled_at.is_(None), _AGENTS.c.telegram.is_not(None)).order_by(_AGENTS.c.id)
    )
    return [
        row
        for row in rows
        if row.telegram
        and (row.shift or row.presence is not Presence.OFFLINE)
        and on_shift(row.shift, row.zone or config.zone, now)
    ]


async def _whom(connection: AsyncConnection, event: Any, people: Sequence[Any]) -> list[tuple[str, str]]:
    """(agent, kind) of whom an event is for."""
    detail: Mapping[str, Any] = event.detail or {}
    if event.event == NOTE:
        named = set(detail.get("mentions", ()))
        return [(person.id, "mentioned") for person in people if person.id in named]
    if event.event != LATE and int(detail.get("priority", 0)) < URGENT:
        return []
    kind = "late" if event.event == LATE else "urgent"
    columns = select(_CONVERSATIONS.c.state, _CONVERSATIONS.c.agent, _CONVERSATIONS.c.queue)
    row = (await connection.execute(columns.where(_CONVERSATIONS.c.id == event.conversation_id))).first()
    if row is None:
        return []
    if row.state is ConversationState.ASSIGNED:
        return [(person.id, kind) for person in people if person.id == row.agent]
    if row.state is not ConversationState.QUEUED:
        return []
    queue = row.queue or MAIN_QUEUE
    return [(person.id, kind) for person in people if not person.skills or queue in person.skills]


async def _still(connection: AsyncConnection, agent: str, due: Due) -> Due:
    """What is so still when it is told."""
    if not due:
        return {}
    rows = await connection.execute(
        select(_CONVERSATIONS.c.id, _CONVERSATIONS.c.state, _CONVERSATIONS.c.agent, _CONVERSATIONS.c.answered_at)
        .where(_CONVERSATIONS.c.id.in_([id_ for listed in due.values() for id_ in listed]))
    )  # fmt: skip
    found = {row.id: row for row in rows}

    def waits(id_: str, kind: str) -> bool:
        row = found.get(id_)
        if row is None or kind == "mentioned":
            return row is not None
        theirs = row.state is ConversationState.ASSIGNED and row.agent == agent
        return row.state is ConversationState.QUEUED or (theirs and (kind == "late" or row.answered_at is None))

    left = {kind: [id_ for id_ in listed if waits(id_, kind)] for kind, listed in due.items()}
    return {kind: listed for kind, listed in left.items() if listed}


def _lately(at: str | None, machine: datetime) -> bool:
    return at is not None and machine - datetime.fromisoformat(at) < GAP
