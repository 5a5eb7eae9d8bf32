"""The cast: who takes part in the demo, made up or with the purchase history of a given file."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from core.clock import from_micros
from otklik.demo.behaviour import sandbox_people
from otklik.demo.parts import fill
from otklik.demo.people import DemoCustomer, generate, write_customers, write_orders
from storage.imports import CustomerOptions, EventOptions, SourceOptions, UnmappedColumns, inspect
from storage.imports.events import EventRecord, Reader, event_reader
from storage.imports.sources import Source

BOT = "100001"
"""The sandbox bot's id: the scope of its chats."""


@dataclass(frozen=True, slots=True)
class Cast:
    """Customers with their files: what is imported, and who the sandbox plays; ``open`` are parts for nobody here."""

    customers: list[DemoCustomer]
    people: list[dict[str, object]]
    customers_file: Path
    events_file: Path
    people_file: Path
    open: tuple[str, ...] = ()


async def assemble(
    folder: Path, *, count: int, now: datetime, seed: int, lang: str, customers: Path | None, events: Path | None
) -> Cast:
    """Make the cast and write its files into ``folder``.

    With ``customers`` or ``events`` the people are those of the files, with their real purchases and made-up addresses:
    a demo never holds anybody's real address.

    Raises:
        OtklikError: if a file cannot be read.
    """
    ids: list[str] | None = None
    last: dict[str, datetime] = {}
    if events is not None:
        last = await _last_orders(events, now)
    if customers is not None:
        ids = await _ids(customers)
    elif events is not None:
        ids = sorted(last)
    made = await asyncio.to_thread(generate, count, now, seed, lang, ids, last)
    people = await asyncio.to_thread(sandbox_people, made, seed, now, lang)
    unplayed = fill(made, people, seed, now)
    orders_file = events or folder / "orders.csv"
    cast = Cast(made, people, folder / "customers.csv", orders_file, folder / "people.json", unplayed)

    def write() -> None:
        write_customers(cast.customers_file, made)
        if events is None:
            write_orders(cast.events_file, made)
        cast.people_file.write_bytes(orjson.dumps(people))

    await asyncio.to_thread(write)
    return cast


async def _last_orders(path: Path, now: datetime) -> dict[str, datetime]:
    """When each customer of an events file ordered last, before ``now``."""
    options = EventOptions()
    seen = await inspect(path, "events", options)
    read = event_reader(seen.columns, options)

    def collect() -> dict[str, datetime]:
        last: dict[str, datetime] = {}
        for record in _records(seen.source, read):
            at = from_micros(record.at)
            if record.name == "order" and at < now and at > last.get(record.customer, _LONG_AGO):
                last[record.customer] = at
        return last

    return await asyncio.to_thread(collect)


_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def _records(source: Source, read: Reader) -> Iterator[EventRecord]:
    for _, cells in source.rows():
        if isinstance(cells, list):
            try:
                yield read(cells)
            except ValueError:
                continue  # the import itself will tell


async def _ids(path: Path) -> list[str]:
    """The external ids of a customers file."""
    options = CustomerOptions(source=SourceOptions())
    seen = await inspect(path, "customers", options)
    place = seen.columns.index("external_id")
    if place is None:
        raise UnmappedColumns(f"{path}: no column of customer ids was found")
    return [str(cells[place]) for _, cells in seen.source.rows() if isinstance(cells, list) and len(cells) > place]
