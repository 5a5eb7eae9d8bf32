"""Colleagues who are named in a note: ``@Vera``, ``@vera.lind`` as before the @ of their address, or the whole name."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.handoff.record import NOTE
from core.ids import id_floor
from core.text import folded
from storage.outbox.columns import inline, table
from storage.tables import Agent, ConversationEvent, Customer

_AGENTS, _EVENTS, _CUSTOMERS = table(Agent), table(ConversationEvent), table(Customer)
KEPT = timedelta(days=30)
"""Machine time: how far back mentions are looked for."""
LOOKED_AT, SHOWN = 2000, 50


@dataclass(frozen=True, slots=True)
class Person:
    """An agent by the names that they may be called."""

    id: str
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Mention:
    """A note in which somebody is named: its id and words, by whom, and in whose conversation."""

    id: str
    conversation_id: str
    customer_id: str
    customer: str
    by: str
    text: str
    at: datetime


def mentioned(text: str, people: Iterable[Person]) -> set[str]:
    """Ids of who is named after an ``@``. A name that several have names none of them; longer names go first."""
    said, calls = folded(text), dict[str, set[str]]()
    for person in people:
        whole = folded(person.name).strip()
        for call in {whole, whole.partition(" ")[0], folded(person.email).partition("@")[0]} - {""}:
            calls.setdefault(call, set()).add(person.id)
    found: set[str] = set()
    for call, ids in sorted(calls.items(), key=lambda one: -len(one[0])):
        sign = re.compile(rf"(?<![\w.])@{re.escape(call)}(?![\w-])")
        if sign.search(said):
            said = sign.sub(" ", said)
            found |= ids if len(ids) == 1 else set()
    return found


async def people_named(connection: AsyncConnection, text: str, but: str) -> list[str]:
    """Ids of the agents named in a note, ``but`` its writer's, in order."""
    if "@" not in text:
        return []
    rows = await connection.execute(
        select(_AGENTS.c.id, _AGENTS.c.name, _AGENTS.c.email).where(_AGENTS.c.disabled_at.is_(None))
    )
    return sorted(mentioned(text, [Person(*row) for row in rows]) - {but})


async def mentions_of(connection: AsyncConnection, agent: str, machine_now: datetime) -> list[Mention]:
    """The newest notes of the last :data:`KEPT` in which ``agent`` is named, the newest first."""
    notes = (
        select(_EVENTS, _CUSTOMERS.c.first_name, _CUSTOMERS.c.last_name)
        .join(_CUSTOMERS, _CUSTOMERS.c.id == _EVENTS.c.customer_id)
        .where(_EVENTS.c.event == inline(NOTE), _EVENTS.c.id > id_floor(machine_now - KEPT))
        .order_by(_EVENTS.c.id.desc())
        .limit(LOOKED_AT)
    )
    rows = [row for row in await connection.execute(notes) if agent in (row.detail or {}).get("mentions", ())][:SHOWN]
    if not rows:
        return []
    by = {row.actor.partition(":")[2] for row in rows}
    people = await connection.execute(select(_AGENTS.c.id, _AGENTS.c.name).where(_AGENTS.c.id.in_(sorted(by))))
    names = {row.id: row.name for row in people}
    return [
        Mention(
            row.id, row.conversation_id, row.customer_id, f"{row.first_name} {row.last_name}".strip(),
            names.get(row.actor.partition(":")[2], ""), row.text, row.at,
        )
        for row in rows
    ]  # fmt: skip
