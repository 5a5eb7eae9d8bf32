"""Who is meant: customers by name, address or number, conversations by what was said last.

Names are compared as :func:`core.text.folded` has them. Parts of names and addresses are looked for in whole columns
that are short and indexed: at 100,000 customers this reads a few megabytes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.ids import is_id
from core.text import folded
from desk.inbox.listing import Line, lines
from storage.outbox.columns import table
from storage.tables import Conversation, Customer, Identity

_CONVERSATIONS, _CUSTOMERS, _IDENTITIES = table(Conversation), table(Customer), table(Identity)
SHOWN = 30
CANDIDATES = 200
"""Customers whose conversations are looked at: more is no answer, but a question that was too short."""
SHORTEST, LONGEST = 2, 100
WORDS = 6
_NUMBER = re.compile(r"\+?[\d() .-]{4,}")


@dataclass(frozen=True, slots=True)
class Somebody:
    """A customer who never had a conversation."""

    id: str
    name: str
    external_id: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a search gave: conversations, the newest first, then customers without any."""

    lines: Sequence[Line] = ()
    people: Sequence[Somebody] = ()


async def search(connection: AsyncConnection, asked: str) -> Found:
    """Everybody who fits all of the words; nobody where fewer than :data:`SHORTEST` characters are asked for."""
    wanted = folded(asked)[:LONGEST]
    if len(wanted) < SHORTEST:
        return Found()
    ids = await _customers(connection, wanted)
    told = _CONVERSATIONS.c.customer_id.in_(ids)
    said = _said(asked.strip()[:LONGEST])
    newest: list[str] = []
    for condition in (told, said):  # those that are meant by name go before those that merely mention it
        if len(newest) >= SHOWN:
            break
        rows = select(_CONVERSATIONS.c.id).where(condition).order_by(_CONVERSATIONS.c.last_at.desc()).limit(SHOWN)
        newest += [id_ for id_ in await connection.scalars(rows) if id_ not in newest]
    shown = newest[:SHOWN]
    by_id = {line.id: line for line in await lines(connection, shown)}
    found = [by_id[id_] for id_ in shown if id_ in by_id]
    known = {line.customer_id for line in found}
    return Found(found, await _without(connection, [id_ for id_ in ids if id_ not in known]))


async def _customers(connection: AsyncConnection, wanted: str) -> list[str]:
    by_name = and_(*(_CUSTOMERS.c.search.contains(word, autoescape=True) for word in wanted.split()[:WORDS]))
    ids = list(await connection.scalars(select(_CUSTOMERS.c.id).where(by_name).limit(CANDIDATES)))
    numbered = select(_CUSTOMERS.c.id).where(_CUSTOMERS.c.external_id.in_([wanted, wanted.upper()]))
    ids += list(await connection.scalars(numbered))
    address = re.sub(r"[() .-]", "", wanted) if _NUMBER.fullmatch(wanted) else wanted
    if " " not in address:
        there = select(_IDENTITIES.c.customer_id).where(_IDENTITIES.c.address.contains(address, autoescape=True))
        ids += list(await connection.scalars(there.limit(CANDIDATES)))
    if is_id(wanted):
        ids += list(await connection.scalars(select(_CONVERSATIONS.c.customer_id).where(_CONVERSATIONS.c.id == wanted)))
    return list(dict.fromkeys(ids))


def _said(asked: str) -> ColumnElement[bool]:
    """All words in the last thing said. SQLite knows the case of ASCII only: common ways to write other words."""
    column = _CONVERSATIONS.c.last_text
    return and_(
        *(
            column.ilike(f"%{_plain(word)}%", escape="/")
            if word.isascii()
            else or_(*(column.contains(way, autoescape=True) for way in {word, word.lower(), word.capitalize()}))
            for word in asked.split()[:WORDS]
        )
    )


def _plain(word: str) -> str:
    for special in "/%_":
        word = word.replace(special, f"/{special}")
    return word


async def _without(connection: AsyncConnection, ids: Sequence[str]) -> list[Somebody]:
    """Those of the customers who have no conversation."""
    rows = await connection.execute(
        select(_CUSTOMERS)
        .where(_CUSTOMERS.c.id.in_(ids), ~select(_CONVERSATIONS.c.id)
               .where(_CONVERSATIONS.c.customer_id == _CUSTOMERS.c.id).exists())
        .order_by(_CUSTOMERS.c.search).limit(SHOWN)
    )  # fmt: skip
    return [Somebody(row.id, f"{row.first_name} {row.last_name}".strip(), row.external_id or "") for row in rows]
