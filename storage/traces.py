"""Traces of a person where no column says whose they are: raw deliveries, unowned mail, links, logs of what was done.

They are found by the person's addresses and ids: the database gives candidates, and a pattern with borders decides, so
that +1 202-555-0100 is not found in a longer number.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import Column, ColumnElement, LargeBinary, Text, cast, exists, func, not_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.messages import EMAIL, SMS, TELEGRAM, WHATSAPP
from storage.outbox.columns import table
from storage.statements import chunks
from storage.tables import ApiResponse, Audit, Blob, BlobOwner, Command, Inbound, Link

_INBOUND, _BLOBS, _OWNERS, _LINKS = table(Inbound), table(Blob), table(BlobOwner), table(Link)
_COMMANDS, _AUDIT, _RESPONSES = table(Command), table(Audit), table(ApiResponse)
SHORTEST_NUMBER = 6
"""Digits of a chat id that is looked for outside Telegram's own words; shorter ones mean anything."""


@dataclass(frozen=True, slots=True)
class Term:
    """What to look for: ``needle`` (lower case) for the database, ``pattern`` for what it finds."""

    needle: str
    pattern: re.Pattern[bytes]


@dataclass(slots=True)
class Traces:
    """Keys of the rows in which a person was found, by table. ``inbound`` leaves out what is not processed yet."""

    inbound: list[str] = field(default_factory=list)
    blobs: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    audit: list[str] = field(default_factory=list)
    api_responses: list[tuple[str, str]] = field(default_factory=list)


def terms_of(addresses: Sequence[tuple[str, str]], ids: Sequence[str]) -> list[Term]:
    """The terms of (channel, address) pairs and of our own ids."""
    found = {}
    for channel, value in addresses:
        for term in _address_terms(channel, value.lower()):
            found[term.needle] = term
    for id_ in ids:
        found[id_] = Term(id_, re.compile(re.escape(id_.encode())))
    return list(found.values())


def _address_terms(channel: str, value: str) -> list[Term]:
    if channel == EMAIL:
        forms = (value, value.replace("@", "%40").replace("+", "%2b"))
        return [Term(form, re.compile(rb"(?<![\w.+-])%b(?![\w-])" % _bytes(form), re.IGNORECASE)) for form in forms]
    if channel in (SMS, WHATSAPP):
        digits = value.lstrip("+")
        return [Term(digits, re.compile(rb"(?<!\d)%b(?!\d)" % _bytes(digits)))]
    if channel == TELEGRAM:
        pattern = rb'"id"\s*:\s*"?%b(?!\d)' % _bytes(value)
        if len(value) >= SHORTEST_NUMBER:
            pattern += rb"|(?<!\d)%b(?!\d)" % _bytes(value)
        return [Term(value, re.compile(pattern))]
    return [Term(value, re.compile(_bytes(value), re.IGNORECASE))]


def _bytes(text: str) -> bytes:
    return re.escape(text.encode())


async def find_traces(connection: AsyncConnection, terms: Sequence[Term], blobs: Sequence[str] = ()) -> Traces:
    """Everything that names one of the terms, and the deliveries whose mail is one of ``blobs`` (hashes).

    Reads whole tables: seconds for a million deliveries. Run it outside the transaction that erases.
    """
    unowned = not_(exists(select(_OWNERS.c.hash).where(_OWNERS.c.hash == _BLOBS.c.hash)))
    traces = Traces()
    raw = await _matching(connection, [_INBOUND.c.id], [_INBOUND.c.payload, _INBOUND.c.meta, _INBOUND.c.error], terms,
                          _INBOUND.c.state != "stored")  # fmt: skip
    found = {key[0] for key in raw}
    for part in chunks(blobs):
        found |= set(
            await connection.scalars(select(_INBOUND.c.id).where(_INBOUND.c.meta["blob"].as_string().in_(part)))
        )
    traces.inbound = sorted(found)
    traces.blobs = [key[0] for key in await _matching(connection, [_BLOBS.c.hash], [_BLOBS.c.content], terms, unowned)]
    traces.links = [key[0] for key in await _matching(connection, [_LINKS.c.id], [_LINKS.c.url], terms)]
    traces.commands = [key[0] for key in await _matching(connection, [_COMMANDS.c.id], [_COMMANDS.c.payload], terms)]
    traces.audit = [
        key[0]
        for key in await _matching(
            connection, [_AUDIT.c.id], [_AUDIT.c.detail, _AUDIT.c.subject_id, _AUDIT.c.actor], terms
        )
    ]
    traces.api_responses = [
        (key[0], key[1])
        for key in await _matching(
            connection, [_RESPONSES.c.key_id, _RESPONSES.c.idempotency_key],
            [_RESPONSES.c.body, _RESPONSES.c.idempotency_key], terms,
        )
    ]  # fmt: skip
    return traces


async def _matching(
    connection: AsyncConnection,
    keys: Sequence[Column[Any]],
    columns: Sequence[Column[Any]],
    terms: Sequence[Term],
    *conditions: ColumnElement[bool],
) -> list[tuple[str, ...]]:
    """The keys of rows one of whose columns names one of the terms."""
    if not terms:
        return []
    texts = [func.lower(_text(connection, column)) for column in columns]
    maybe = or_(*(text.contains(term.needle, autoescape=True) for text in texts for term in terms))
    rows = await connection.execute(select(*keys, *columns).where(maybe, *conditions))
    found = []
    for row in rows:
        content = b"\n".join(_content(value) for value in row[len(keys) :])
        if any(term.pattern.search(content) for term in terms):
            found.append(tuple(row[: len(keys)]))
    return found


def _text(connection: AsyncConnection, column: Column[Any]) -> ColumnElement[str]:
    if isinstance(column.type, LargeBinary) and connection.dialect.name == "postgresql":
        return func.encode(column, "escape")
    return cast(column, Text)


def _content(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else orjson.dumps(value)
