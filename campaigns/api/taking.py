"""Customers and events out of requests into the store, by the readers and writers of the imports."""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.api.access import STORE_SECONDS, Door
from campaigns.api.keys import Caller
from campaigns.api.shapes import BulkOut, CustomerIn, EventIn, ItemOut, shape_of
from campaigns.definition import WorkspaceConfig
from campaigns.live import workspace_config
from campaigns.responding.arrivals import kept_events
from campaigns.responding.events import events_arrived
from core.clock import to_micros
from core.zones import zone
from storage.imports.bulk import Bulk, is_conflict, open_bulk
from storage.imports.customer_writer import API, CustomerWriter
from storage.imports.customers import CustomerRecord
from storage.imports.event_writer import EventWriter
from storage.imports.events import EventRecord
from storage.imports.objects import consent_of, customer_object_reader, event_object_reader
from storage.imports.options import CustomerOptions, EventOptions
from storage.merging.tombstones import merged_external_ids
from storage.outbox.columns import table
from storage.statements import chunks
from storage.tables import Customer

_CUSTOMERS = table(Customer)
_TRIES = 4
CHUNK = 250
"""Items a transaction: about 30 ms on SQLite."""
T = TypeVar("T")


async def take_customers(door: Door, caller: Caller, told: Sequence[Any], telegram_scope: str) -> BulkOut:
    """Upsert customers; each that is wrong is refused by itself.

    Raises:
        StoreUnavailable: with the chunks before it kept; the same again does no harm.
    """
    config = await _config(door)
    options = CustomerOptions(zone=config.zone, telegram_scope=telegram_scope)
    read = customer_object_reader(options)
    home = zone(config.zone)
    items = [ItemOut(index=index, result="unchanged") for index in range(len(told))]
    records: list[tuple[ItemOut, CustomerRecord]] = []
    seen: set[str] = set()
    for item, one in zip(items, told, strict=True):
        try:
            record = _customer(one, read, home)
            _once(record.external_id, seen)
        except ValueError as error:
            item.result, item.reason = "refused", str(error)
        else:
            records.append((item, record))
    writer = CustomerWriter(API, f"{API}:{caller.name}")
    writer.forget()
    now = to_micros(door.clock.now())

    for part in chunks(records, CHUNK):

        async def write(bulk: Bulk, _: AsyncConnection, part: Sequence[tuple[ItemOut, CustomerRecord]] = part) -> None:
            tally = await writer.write(bulk, [one for __, one in part], now, told_apart=True)
            for number, (item, __) in enumerate(part):
                item.result = (tally.outcomes or {}).get(number, "unchanged")  # type: ignore[assignment]
                item.warnings = [reason for refused, reason in tally.refused if refused == number]

        await _in_transaction(door, write)
    return _summed(items)


def _customer(one: Any, read: Callable[[Any], CustomerRecord], home: ZoneInfo) -> CustomerRecord:
    """One customer of a request, checked; a ValueError says why not."""
    shape = shape_of(CustomerIn, one).model_dump()
    record = read(shape | shape["addresses"])
    channels = {address.channel for address in record.addresses}
    for channel, consent in shape["consents"].items():
        if channel not in channels:
            raise ValueError(f"consents.{channel}: the customer has no such address in this request")
        record.consents[channel] = consent_of(consent, home)
    record.digest = hashlib.blake2b(orjson.dumps(shape, option=orjson.OPT_SORT_KEYS), digest_size=12).hexdigest()
    return record


async def take_events(door: Door, told: Sequence[Any]) -> BulkOut:
    """Keep events, convert and wake the journeys that wait for them; each that is wrong is refused by itself.

    Raises:
        StoreUnavailable: with the chunks before it kept; the same again does no harm.
    """
    config = await _config(door)
    read = event_object_reader(EventOptions(zone=config.zone, currency=config.currency))
    items = [ItemOut(index=index, result="unchanged") for index in range(len(told))]
    by_source: dict[str, list[tuple[ItemOut, EventRecord]]] = defaultdict(list)
    seen: set[str] = set()
    for item, one in zip(items, told, strict=True):
        try:
            source, record = _event(one, read, config.currency)
            _once(f"{source}\x1f{record.external_id}", seen)
        except ValueError as error:
            item.result, item.reason = "refused", str(error)
        else:
            by_source[source].append((item, record))
    new = 0
    for source, records in by_source.items():
        for part in chunks(records, CHUNK):
            new += await _keep_events(door, source, part)
    if new:
        await door.on_event()
    return _summed(items)


def _event(one: Any, read: Callable[[Any], EventRecord], currency: str) -> tuple[str, EventRecord]:
    """One event of a request with its source, checked; a ValueError says why not."""
    shape = shape_of(EventIn, one).model_dump()
    if shape["amount"] not in (None, "") and not (shape["currency"] or currency):
        raise ValueError("currency: the amount has none")
    return shape["source"], read(shape)


async def _keep_events(door: Door, source: str, part: Sequence[tuple[ItemOut, EventRecord]]) -> int:
    """One chunk of one source; gives how many events were new."""
    records = [record for _, record in part]
    now = door.clock.now()

    async def write(bulk: Bulk, connection: AsyncConnection) -> int:
        writer = EventWriter(source, create_customers=True)
        writer.forget()
        rows = await bulk.select(
            "events", ("external_id", "content_hash"), "external_id", [record.external_id for record in records],
            also=("source", source),
        )  # fmt: skip
        there = {external_id: digest for external_id, digest in rows}  # noqa: C416  rows of two
        await writer.write(bulk, records, to_micros(now))
        new = []
        for item, record in part:
            known = there.get(record.external_id)
            item.result = "created" if known is None else "unchanged" if known == record.digest else "updated"
            if known is None:
                new.append(record)
        arrived = await kept_events(connection, source, [record.external_id for record in new])
        await events_arrived(connection, arrived, now)
        return len(new)

    return await _in_transaction(door, write)


async def customer_ids(connection: AsyncConnection, external_ids: Sequence[str]) -> dict[str, str]:
    """Our ids by the shop's, of those who are known."""
    found: dict[str, str] = {}
    for part in chunks(sorted(set(external_ids))):
        rows = await connection.execute(
            select(_CUSTOMERS.c.external_id, _CUSTOMERS.c.id).where(_CUSTOMERS.c.external_id.in_(part))
        )
        found.update((row.external_id, row.id) for row in rows)
    found.update(await merged_external_ids(connection, set(external_ids) - found.keys()))
    return found


async def _in_transaction(door: Door, write: Callable[[Bulk, AsyncConnection], Awaitable[T]]) -> T:
    """Do it in one transaction; again if somebody wrote the same rows meanwhile."""
    for attempt in range(1, _TRIES + 1):
        try:
            async with asyncio.timeout(STORE_SECONDS), door.store.write() as connection:
                return await write(await open_bulk(connection), connection)
        except Exception as error:
            if attempt == _TRIES or not is_conflict(getattr(error, "orig", None) or error):
                raise
    raise AssertionError("unreachable")


async def _config(door: Door) -> WorkspaceConfig:
    async with asyncio.timeout(STORE_SECONDS), door.store.read() as connection:
        return await workspace_config(connection)


def _once(key: str, seen: set[str]) -> None:
    if key in seen:
        raise ValueError("external_id: the same one stands earlier in this request")
    seen.add(key)


def _summed(items: list[ItemOut]) -> BulkOut:
    results = [item.result for item in items]
    return BulkOut(
        created=results.count("created"),
        updated=results.count("updated"),
        unchanged=results.count("unchanged"),
        refused=results.count("refused"),
        results=items,
    )
