"""Who is meant: customers by name, address or number, conversations by what was said in them.

Names and addresses are compared as :func:`desk.search.words.plain` has them, any part of them: an index of their own
holds them, a few megabytes for 100,000 customers. What was said is looked up in the databases' full-text indexes
(:mod:`desk.search.indexing`), by the beginnings of words, the newest first.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, func, literal_column, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.ids import is_id
from core.text import clipped
from desk.inbox.listing import Line, lines
from desk.search.indexing import said_in
from desk.search.words import plain, words
from storage.outbox.columns import table
from storage.tables import Conversation, Customer, Identity, Message

_CONVERSATIONS, _CUSTOMERS, _IDENTITIES, _MESSAGES = (
    table(Conversation), table(Customer), table(Identity), table(Message),
)  # fmt: skip
SHOWN = 30
CANDIDATES = 1000
"""Customers whose conversations are looked at: more is no answer, but a question that was too short."""
SAID, LOOKS = 400, 4
"""Messages of one look, and looks, until :data:`SHOWN` conversations are found: one may hold many of them."""
SHORTEST, LONGEST = 2, 100
WORDS = 6
EXCERPT, LEAD = 200, 3
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
    """Everybody who fits all of the words; nobody where fewer than :data:`SHORTEST` characters are asked for.

    Those who are meant by name go before those that merely mention it, with what they said.
    """
    asked = asked.replace("\x00", "")[:LONGEST]
    wanted = plain(asked)
    if len(wanted) < SHORTEST:
        return Found()
    ids = await _customers(connection, wanted)
    newest = (
        select(_CONVERSATIONS.c.id).where(_CONVERSATIONS.c.customer_id.in_(ids))
        .order_by(_CONVERSATIONS.c.last_at.desc(), _CONVERSATIONS.c.id.desc()).limit(SHOWN)
    )  # fmt: skip
    meant: list[str] = list(await connection.scalars(newest)) if ids else []
    said = await _said(connection, words(asked)[:WORDS], SHOWN - len(meant), meant)
    by_id = {line.id: line for line in await lines(connection, [*meant, *said])}
    found = [by_id[id_] for id_ in meant if id_ in by_id]
    found += [replace(by_id[id_], text=words_said) for id_, words_said in said.items() if id_ in by_id]
    known = {line.customer_id for line in found}
    return Found(found, await _without(connection, [id_ for id_ in ids if id_ not in known]))


async def _customers(connection: AsyncConnection, wanted: str) -> list[str]:
    """By any part of the name, by the shop's number, by any part of an address, by a conversation's id."""
    # the names alone stand in an index, which is read several times as fast as the customers
    named = select(_CUSTOMERS.c.search).where(
        *(_holds(connection, _CUSTOMERS.c.search, word) for word in wanted.split()[:WORDS])
    )
    by_name = select(_CUSTOMERS.c.id).where(_CUSTOMERS.c.search.in_(named)).limit(CANDIDATES)
    ids = list(await connection.scalars(by_name))
    numbered = select(_CUSTOMERS.c.id).where(_CUSTOMERS.c.external_id.in_([wanted, wanted.upper()]))
    ids += list(await connection.scalars(numbered))
    address = re.sub(r"[() .-]", "", wanted) if _NUMBER.fullmatch(wanted) else wanted
    if " " not in address and (address.isascii() or "@" in address):
        there = _holds(connection, _IDENTITIES.c.address, address)
        if connection.dialect.name == "sqlite":  # as with names
            row: ColumnElement[int] = literal_column("identities.rowid")
            there = row.in_(select(literal_column("rowid")).select_from(_IDENTITIES.alias("each")).where(
                _holds(connection, literal_column("each.address"), address)
            ))  # fmt: skip
        ids += list(await connection.scalars(select(_IDENTITIES.c.customer_id).where(there).limit(CANDIDATES)))
    if is_id(wanted):
        ids += list(await connection.scalars(select(_CONVERSATIONS.c.customer_id).where(_CONVERSATIONS.c.id == wanted)))
    return list(dict.fromkeys(ids))


def _holds(connection: AsyncConnection, column: ColumnElement[Any], part: str) -> ColumnElement[bool]:
    """Whether a column has the part, or has it with one of its е as the ё that it may be."""
    place = func.instr if connection.dialect.name == "sqlite" else func.strpos
    ways = [part, *(part[:at] + "ё" + part[at + 1 :] for at, letter in enumerate(part) if letter == "е")]
    return or_(*(place(column, way) > 0 for way in ways[: 1 + WORDS]))


async def _said(connection: AsyncConnection, wanted: Sequence[str], number: int, but: Sequence[str]) -> dict[str, str]:
    """The conversations in which somebody said words that begin so, the newest first, with what was said last so."""
    found: dict[str, str] = {}
    below = _HIGHEST
    for _ in range(LOOKS if wanted and any(len(word) > 1 for word in wanted) else 0):
        if len(found) >= number:
            break
        rows = await _newest(connection, wanted, below)
        for row in await _messages(connection, [row.message_id for row in rows]):
            if row.conversation_id not in found and row.conversation_id not in but:
                found[row.conversation_id] = excerpt(said_in(row), wanted)
        if len(rows) < SAID:
            break
        below = rows[-1].number
    return dict(list(found.items())[:number])


_HIGHEST = 2**31 - 1
_NEWEST = {
    "sqlite": text("""
        SELECT number, message_id FROM search_texts WHERE number IN (
            SELECT rowid FROM search_words WHERE search_words MATCH :wanted AND rowid < :below
            ORDER BY rowid DESC LIMIT :most
        ) ORDER BY number DESC"""),
    "postgresql": text("""
        SELECT number, message_id FROM search_texts
        WHERE array_to_tsvector(string_to_array(text, ' ')) @@ CAST(:wanted AS tsquery) AND number < :below
        ORDER BY number DESC LIMIT :most"""),
}  # fmt: skip


async def _newest(connection: AsyncConnection, wanted: Sequence[str], below: int) -> Sequence[Any]:
    """The newest messages of the index below a number that have words which begin so."""
    if connection.dialect.name == "sqlite":
        asked = " ".join(f'"{word}"*' if len(word) > 1 else f'"{word}"' for word in wanted)
    else:
        asked = " & ".join(f"'{word}':*" if len(word) > 1 else f"'{word}'" for word in wanted)
    found = _NEWEST[connection.dialect.name]
    return (await connection.execute(found, {"wanted": asked, "below": below, "most": SAID})).all()


async def _messages(connection: AsyncConnection, ids: Sequence[str]) -> Sequence[Any]:
    """What these messages say and where, the newest first."""
    said = select(
        _MESSAGES.c.id, _MESSAGES.c.conversation_id, _MESSAGES.c.subject, _MESSAGES.c.body, _MESSAGES.c.content
    )
    rows = await connection.execute(said.where(_MESSAGES.c.id.in_(ids), _MESSAGES.c.conversation_id.is_not(None)))
    return sorted(rows, key=lambda row: row.id, reverse=True)


def excerpt(said: str, wanted: Sequence[str]) -> str:
    """The text from shortly before the first of its words that begins as one of ``wanted`` does."""
    parts = said.split()
    for at, part in enumerate(parts):
        if any(word.startswith(tuple(wanted)) for word in words(part)):
            begin = at - LEAD if at > 2 * LEAD else 0
            return clipped(("… " if begin else "") + " ".join(parts[begin:]), EXCERPT)
    return clipped(" ".join(parts), EXCERPT)


async def _without(connection: AsyncConnection, ids: Sequence[str]) -> list[Somebody]:
    """Those of the customers who have no conversation."""
    if not ids:
        return []
    rows = await connection.execute(
        select(_CUSTOMERS)
        .where(_CUSTOMERS.c.id.in_(ids), ~select(_CONVERSATIONS.c.id)
               .where(_CONVERSATIONS.c.customer_id == _CUSTOMERS.c.id).exists())
        .order_by(_CUSTOMERS.c.search).limit(SHOWN)
    )  # fmt: skip
    return [Somebody(row.id, f"{row.first_name} {row.last_name}".strip(), row.external_id or "") for row in rows]
