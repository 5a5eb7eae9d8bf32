"""A chunk of event records into the store: new ones inserted, changed ones set, repeats left alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from core.draws import customer_draw
from core.ids import new_ids
from storage.imports.bulk import Bulk
from storage.imports.customer_writer import CUSTOMER_COLUMNS, new_customer
from storage.imports.events import EventRecord
from storage.imports.merged import merged_in_bulk

_CHANGED = ("id", "customer_id", "name", "at", "amount_micros", "currency", "properties", "content_hash")
_COLUMNS = (*_CHANGED, "source", "external_id", "recorded_at")
_KNOWN_LIMIT = 200_000


@dataclass(slots=True)
class EventTally:
    """What became of a chunk. ``refused`` are the numbers of records whose customer is unknown."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    customers_created: int = 0
    refused: list[int] = field(default_factory=list)


class EventWriter:
    """Writes chunks; remembers the ids of customers it has met."""

    def __init__(self, source: str, *, create_customers: bool) -> None:
        self._source = source
        self._create = create_customers
        self._known: dict[str, str] = {}
        self._new = True  # until the store objects, the file is taken to be new to it

    def forget(self) -> None:
        """Drop what was remembered and look up what is there, after a chunk that was rolled back."""
        self._known.clear()
        self._new = False

    def prepare(self, records: Sequence[EventRecord], now: int) -> list[list[Any]] | None:
        """The rows of a chunk that is taken to be new, made before its transaction; may run in another thread."""
        return self._rows(records, now) if self._new else None

    async def write(
        self, bulk: Bulk, records: Sequence[EventRecord], now: int, prepared: list[list[Any]] | None = None
    ) -> EventTally:
        """One chunk, in the transaction of ``bulk``; no two records of it have the same id.

        ``prepared`` is what :meth:`prepare` made of it, and goes unless the store has objected meanwhile.
        """
        existing: dict[str, tuple[str, str]] = {}
        numbers: Sequence[int] = range(len(records))
        if self._new and prepared is not None:
            rows = prepared
        else:
            for external_id, id_, digest in await bulk.select(
                "events", ("external_id", "id", "content_hash"), "external_id", [r.external_id for r in records],
                also=("source", self._source),
            ):  # fmt: skip
                existing[external_id] = (id_, digest)
            numbers = [n for n, r in enumerate(records) if existing.get(r.external_id, ("", ""))[1] != r.digest]
            rows = self._rows([records[number] for number in numbers], now)
        tally = EventTally(unchanged=len(records) - len(rows))
        await self._meet(bulk, [row[1] for row in rows], now, tally)
        inserts: list[list[Any]] = []
        updates: list[list[Any]] = []
        for number, row in zip(numbers, rows, strict=True):
            customer = self._known.get(row[1])
            if customer is None:
                tally.refused.append(number)
                continue
            row[1] = customer
            found = existing.get(records[number].external_id) if existing else None
            if found is None:
                inserts.append(row)
            else:
                updates.append([found[0], *row[1 : len(_CHANGED)]])
        await bulk.insert("events", _COLUMNS, inserts)
        await bulk.update("events", _CHANGED, updates)
        # segments look again at customers who changed since; of an event that was corrected nothing else tells
        touched = sorted({row[1] for row in updates})
        await bulk.update("customers", ("id", "updated_at"), [(id_, now) for id_ in touched])
        tally.created, tally.updated = len(inserts), len(updates)
        return tally

    def _rows(self, records: Sequence[EventRecord], now: int) -> list[list[Any]]:
        """Rows of :data:`_COLUMNS`, in which the customer is still the external one."""
        return [
            [id_, r.customer, r.name, r.at, r.amount, r.currency, r.properties, r.digest,
             self._source, r.external_id, now]
            for id_, r in zip(new_ids(len(records)), records, strict=True)
        ]  # fmt: skip

    async def _meet(self, bulk: Bulk, wanted: list[str], now: int, tally: EventTally) -> None:
        """Learn the ids of the customers named in a chunk, making those that nobody knows."""
        if len(self._known) > _KNOWN_LIMIT:
            self._known.clear()
        strangers = [name for name in dict.fromkeys(wanted) if name not in self._known]
        for id_, external_id in await bulk.select("customers", ("id", "external_id"), "external_id", strangers):
            self._known[external_id] = id_
        self._known.update(await merged_in_bulk(bulk, set(strangers) - self._known.keys()))
        if not self._create:
            return
        unknown = [external_id for external_id in strangers if external_id not in self._known]
        rows = []
        for id_, external_id in zip(new_ids(len(unknown)), unknown, strict=True):
            self._known[external_id] = id_
            rows.append(new_customer(id_, external_id, customer_draw(id_), now))
        await bulk.insert("customers", CUSTOMER_COLUMNS, rows)
        tally.customers_created = len(rows)
