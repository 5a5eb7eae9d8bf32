"""The import itself: rows are read and checked off the event loop, and written in short transactions.

Each chunk stands for itself. An import that was interrupted is repeated from the start: what is there already is known
by its hash and left alone.
"""

import asyncio
import gc
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from core.clock import machine_now, to_micros
from storage.imports.bulk import Bulk, is_conflict, open_bulk
from storage.imports.columns import REJECTED_LINE, ColumnMap, Kind, guess_columns
from storage.imports.customer_writer import CustomerTally, CustomerWriter
from storage.imports.customers import CustomerRecord, customer_reader
from storage.imports.event_writer import EventTally, EventWriter
from storage.imports.events import EventRecord, event_reader
from storage.imports.options import CustomerOptions, EventOptions, ImportOptions, ImportSummary, Progress
from storage.imports.rejects import RejectedRows, rejected_path, restored
from storage.imports.sources import BrokenRow, Row, Source, first_rows, open_source
from storage.imports.tallies import channel_counts, record_import, refresh_statistics
from storage.store import Store

_TRIES = 4
_FIRST_CHUNK = 400
_COLLECT_AFTER = 50_000  # containers made and not yet freed; the default is 700
_SWITCH_SECONDS = 0.0001


class _Record(Protocol):
    @property
    def external_id(self) -> str: ...


R = TypeVar("R", bound=_Record)
OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a file is taken for, before anything is written."""

    path: Path
    source: Source
    columns: ColumnMap


@dataclass(slots=True)
class _Chunk(Generic[R]):
    """Checked rows: ``records`` beside their ``places`` (line, cells); ``broken`` are (line, reason, cells)."""

    records: list[R] = field(default_factory=list)
    places: list[tuple[int, list[Any]]] = field(default_factory=list)
    broken: list[tuple[int, str, list[Any]]] = field(default_factory=list)
    repeated: int = 0
    prepared: Any = None
    """What the writer made of ``records`` before its turn with the store."""

    @property
    def rows(self) -> int:
        """How many rows of the file it holds."""
        return len(self.records) + len(self.broken)


async def inspect(path: Path, kind: Kind, options: ImportOptions) -> Inspection:
    """Open the file and guess its columns.

    Raises:
        UnreadableFile, UnmappedColumns: in words for people.
    """

    def look() -> Inspection:
        source = open_source(path, options.source)
        columns = guess_columns(
            kind,
            source.headers,
            told=options.mapping,
            ignore=options.ignore,
            sample=first_rows(source),
            text=options.text,
        )
        return Inspection(path, source, columns)

    return await asyncio.to_thread(look)


async def import_customers(
    store: Store, path: Path, options: CustomerOptions, on_progress: OnProgress | None = None
) -> ImportSummary:
    """Customers with their addresses and consents, by external id.

    Raises:
        UnreadableFile, UnmappedColumns: before anything is written.
        StoreUnavailable: with the chunks before it committed.
    """
    seen = await inspect(path, "customers", options)
    writer = CustomerWriter()
    loader = _Loader[CustomerRecord](
        store, seen, customer_reader(seen.columns, options), options, on_progress, prepare=writer.prepare
    )

    async def write(bulk: Bulk, chunk: _Chunk[CustomerRecord], now: int) -> CustomerTally:
        return await writer.write(bulk, chunk.records, now, chunk.prepared)

    def count(
        summary: ImportSummary, chunk: _Chunk[CustomerRecord], tally: CustomerTally, rejects: RejectedRows
    ) -> None:
        summary.created += tally.created
        summary.updated += tally.updated
        summary.unchanged += tally.unchanged
        summary.addresses_refused += len(tally.refused)
        for number, reason in tally.refused:
            line, cells = chunk.places[number]
            rejects.add(line, reason, cells)

    return await loader.run(write, count, writer.forget)


async def import_events(
    store: Store, path: Path, options: EventOptions, on_progress: OnProgress | None = None
) -> ImportSummary:
    """Events (orders are events) by source and external id, with the customers whom nobody knew yet.

    Raises:
        UnreadableFile, UnmappedColumns: before anything is written.
        StoreUnavailable: with the chunks before it committed.
    """
    seen = await inspect(path, "events", options)
    writer = EventWriter(options.source_name, create_customers=options.unknown_customers == "create")
    read = event_reader(seen.columns, options, typed=seen.source.typed)
    loader = _Loader[EventRecord](store, seen, read, options, on_progress, prepare=writer.prepare)

    async def write(bulk: Bulk, chunk: _Chunk[EventRecord], now: int) -> EventTally:
        return await writer.write(bulk, chunk.records, now, chunk.prepared)

    def count(summary: ImportSummary, chunk: _Chunk[EventRecord], tally: EventTally, rejects: RejectedRows) -> None:
        summary.created += tally.created
        summary.updated += tally.updated
        summary.unchanged += tally.unchanged
        summary.customers_created += tally.customers_created
        summary.rejected += len(tally.refused)
        for number in tally.refused:
            line, cells = chunk.places[number]
            rejects.add(line, f"there is no customer {chunk.records[number].customer}", cells)

    return await loader.run(write, count, writer.forget)


T = TypeVar("T")


class _Loader(Generic[R]):
    """Chunks from a file to the store, sized so that a transaction stays short."""

    def __init__(
        self,
        store: Store,
        seen: Inspection,
        read: Callable[[list[Any]], R],
        options: ImportOptions,
        on_progress: OnProgress | None,
        prepare: Callable[[Sequence[R], int], Any],
    ) -> None:
        self._store = store
        self._seen = seen
        self._read = read
        self._options = options
        self._on_progress = on_progress
        self._prepare = prepare
        self._size = _FIRST_CHUNK
        self._costs: deque[float] = deque(maxlen=5)  # seconds a row of the latest transactions
        self._held: tuple[int, list[Any], R] | None = None
        self._restore = REJECTED_LINE in seen.source.headers

    async def run(
        self,
        write: Callable[[Bulk, "_Chunk[R]", int], Any],
        count: Callable[[ImportSummary, "_Chunk[R]", Any, RejectedRows], None],
        forget: Callable[[], None],
    ) -> ImportSummary:
        summary = ImportSummary()
        now = to_micros(self._options.now or machine_now())
        source = self._seen.source
        rows = source.rows()
        path = self._options.rejected or rejected_path(self._seen.path)
        with _tuned_interpreter(), RejectedRows(path, source.headers) as rejects:
            reading = asyncio.create_task(asyncio.to_thread(self._next_chunk, rows, now))
            try:
                while (chunk := await reading).rows:
                    # the next chunk is read while the database writes this one
                    reading = asyncio.create_task(asyncio.to_thread(self._next_chunk, rows, now))
                    tally = await self._commit(write, chunk, now, forget)
                    for line, reason, cells in chunk.broken:
                        rejects.add(line, reason, cells)
                    summary.rows += chunk.rows
                    summary.rejected += len(chunk.broken)
                    summary.repeated += chunk.repeated
                    count(summary, chunk, tally, rejects)
                    if self._on_progress is not None:
                        self._on_progress(Progress(source.position(), source.size, summary))
            finally:
                await asyncio.wait([reading])  # a thread cannot be stopped; the file must not be closed under it
                if not reading.cancelled():
                    reading.exception()
            summary.rejected_file = path if rejects.count else None
        kind = self._seen.columns.kind
        await record_import(self._store, kind, self._seen.path.name, summary, now)
        await refresh_statistics(self._store, kind, summary)
        summary.channels = await channel_counts(self._store)
        return summary

    async def _commit(
        self, write: Callable[[Bulk, "_Chunk[R]", int], Any], chunk: "_Chunk[R]", now: int, forget: Callable[[], None]
    ) -> Any:
        for attempt in range(1, _TRIES + 1):
            try:
                async with self._store.write() as connection:
                    bulk = await open_bulk(connection)
                    begun = time.perf_counter()
                    tally = await write(bulk, chunk, now)
                self._resize(bulk, len(chunk.records), time.perf_counter() - begun)
                return tally
            except Exception as error:
                forget()
                if attempt == _TRIES or not is_conflict(error):
                    raise
        raise AssertionError("unreachable")

    def _resize(self, bulk: Bulk, rows: int, seconds: float) -> None:
        """Aim the next chunk at the time that a transaction may take, by the median of the last ones.

        One chunk that had to wait for a busy machine says nothing of the next.
        """
        if rows * 2 >= self._size and seconds > 0:
            self._costs.append(seconds / rows)
            smallest, largest = bulk.chunk_rows
            wanted = min(2 * self._size, int(bulk.chunk_seconds / statistics.median(self._costs)))
            self._size = max(smallest, min(largest, wanted))

    def _next_chunk(self, rows: Iterator[Row], now: int) -> "_Chunk[R]":
        """Read and check rows until the chunk is full; runs in a thread."""
        chunk: _Chunk[R] = _Chunk()
        width = len(self._seen.source.headers)
        ids: set[str] = set()
        limit = self._size
        read, restore = self._read, self._restore
        records, places = chunk.records, chunk.places
        if self._held is not None:
            line, cells, record = self._held
            self._held = None
            places.append((line, cells))
            records.append(record)
            ids.add(record.external_id)
        for line, found in rows:
            if isinstance(found, BrokenRow):
                chunk.broken.append((line, found.reason, [found.text]))
            else:
                cells = [restored(cell) if isinstance(cell, str) else cell for cell in found] if restore else found
                try:
                    if len(cells) != width:
                        _fit(cells, width)
                    record = read(cells)
                except ValueError as error:
                    chunk.broken.append((line, str(error), cells))
                else:
                    if record.external_id in ids:
                        # the same id again: it has to see what the earlier row wrote
                        self._held = (line, cells, record)
                        chunk.repeated += 1
                        break
                    places.append((line, cells))
                    records.append(record)
                    ids.add(record.external_id)
            if len(records) + len(chunk.broken) >= limit:
                break
        chunk.prepared = self._prepare(chunk.records, now)
        return chunk


@contextmanager
def _tuned_interpreter() -> Iterator[None]:
    """Garbage and threads as bulk work needs them.

    Rows make no garbage cycles, and looking for them costs a tenth of an import. The thread that writes asks for the
    interpreter between statements, and would wait for the one that reads for the default 5 ms.
    """
    threshold, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(max(threshold[0], _COLLECT_AFTER), *threshold[1:])
    sys.setswitchinterval(min(interval, _SWITCH_SECONDS))
    try:
        yield
    finally:
        gc.set_threshold(*threshold)
        sys.setswitchinterval(interval)


def _fit(cells: list[Any], width: int) -> None:
    """Cut empty cells after the last column off in place.

    Raises:
        ValueError: if the row is not as wide as the header then.
    """
    if len(cells) > width and not any(cells[width:]):
        del cells[width:]
    if len(cells) != width:
        raise ValueError(f"{len(cells)} cells where the header has {width}")
