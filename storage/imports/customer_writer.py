"""A chunk of customer records into the store.

New customers are inserted with their addresses and consents; known ones get what the file fills in (an empty cell
leaves what is there). An address that belongs to somebody else stays theirs. An import never turns a withdrawal into a
consent, unless the row proves a later one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from core.clock import machine_now, to_micros
from core.draws import customer_draw
from core.ids import new_ids
from core.text import folded
from storage.imports.bulk import Bulk
from storage.imports.customers import CustomerRecord, ImportedAddress, ImportedConsent
from storage.imports.merged import merged_in_bulk

CUSTOMER_COLUMNS = (
    "id", "external_id", "first_name", "last_name", "search", "locale", "zone", "zone_guess", "country", "city",
    "gender", "birthday", "stage", "attributes", "draw", "content_hash", "created_at", "updated_at",
)  # fmt: skip
_MERGED = ("first_name", "last_name", "locale", "zone", "zone_guess", "country", "city", "gender", "birthday")
_CHANGED = ("id", *_MERGED, "search", "attributes", "content_hash", "updated_at")
_IDENTITY = ("id", "customer_id", "channel", "scope", "address", "key", "verified", "reachable",
             "unreachable_reason", "source", "created_at")  # fmt: skip
_REACHABILITY = ("id", "reachable", "unreachable_reason", "unreachable_at", "changed_at")
_CONSENT = ("identity_id", "purpose", "granted", "at", "source", "wording", "document")
_LEDGER = ("id", "identity_id", "customer_id", "purpose", "granted", "at", "source", "wording", "document",
           "actor")  # fmt: skip
SOURCE, API = "import", "api"
_REPLACED_BY_US = (SOURCE, API)
"""Sources of addresses that a later import or call may replace; what a customer gave us themselves stays."""
REPLACED = "replaced"
"""Why an imported address is no longer written to: the file has another one for that customer and channel."""
_INCOMPLETE = "!"
"""Before a stored hash: an address of the row was refused, so that the next import looks at it again."""


def new_customer(id_: str, external_id: str, draw: int, now: int) -> tuple[Any, ...]:
    """A row of :data:`CUSTOMER_COLUMNS` of whom nothing but the id is known."""
    return (id_, external_id, "", "", "", "", "", "", "", "", "", None, "", "{}", draw, "", now, now)


@dataclass(slots=True)
class CustomerTally:
    """What became of a chunk. ``refused`` are (number of the record, reason) of addresses that stayed out.

    ``outcomes``, if it is asked for by an empty dictionary, says it of every record that was not left alone.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)
    outcomes: dict[int, str] | None = None


class _Known(NamedTuple):
    """An identity that the store has, or that this chunk makes."""

    id: str
    customer_id: str
    channel: str
    reachable: bool = True
    reason: str = ""
    source: str = SOURCE
    key: str = ""


class CustomerWriter:
    """Writes chunks of customers.

    Until the store objects, a file is taken to be new to it, and nothing is looked up.
    """

    def __init__(self, source: str = SOURCE, actor: str = SOURCE) -> None:
        self._new = True
        self._source, self._actor = source, actor

    def forget(self) -> None:
        """From now on look up what is there, because a chunk met it and was rolled back."""
        self._new = False

    def prepare(self, records: Sequence[CustomerRecord], now: int) -> "tuple[_Batch, CustomerTally] | None":
        """The rows of a chunk that is taken to be new, made before its transaction; may run in another thread."""
        if not self._new:
            return None
        batch, tally = _Batch(now, {}, records, self._source, self._actor), CustomerTally()
        for number, record in enumerate(records):
            batch.take(number, record, tally)
        return batch, tally

    async def write(
        self, bulk: Bulk, records: Sequence[CustomerRecord], now: int,
        prepared: "tuple[_Batch, CustomerTally] | None" = None, *, told_apart: bool = False,
    ) -> CustomerTally:  # fmt: skip
        """One chunk, in the transaction of ``bulk``; no two records of it have the same id.

        ``prepared`` is what :meth:`prepare` made of it, and goes unless the store has objected meanwhile.
        ``told_apart`` asks for the outcome of each record.
        """
        ids = [record.external_id for record in records]
        merged = await merged_in_bulk(bulk, ids)
        if merged:
            self.forget()  # nothing would object to a second customer of that number
        if self._new and prepared is not None:
            batch, tally = prepared
            await batch.flush(bulk)
            return tally
        existing: dict[str, tuple[str, str]] = {}
        if not self._new:
            columns = ("external_id", "id", "content_hash")
            for external_id, id_, digest in await bulk.select("customers", columns, "external_id", ids):
                existing[external_id] = (id_, digest)
            for external_id, id_ in merged.items():
                existing.setdefault(external_id, (id_, ""))
        work = [
            (number, record)
            for number, record in enumerate(records)
            if record.external_id not in existing or existing[record.external_id][1] != record.digest
        ]
        tally = CustomerTally(unchanged=len(records) - len(work), outcomes={} if told_apart else None)
        if work:
            batch = _Batch(now, existing, [record for _, record in work], self._source, self._actor)
            if not self._new:
                await batch.look_up(bulk, [record for _, record in work])
            for number, record in work:
                batch.take(number, record, tally)
            await batch.flush(bulk)
        return tally


class _Batch:
    """One chunk's changes: what the store has of it, and the rows to be written."""

    def __init__(
        self, now: int, existing: dict[str, tuple[str, str]], records: Sequence[CustomerRecord], source: str, actor: str
    ) -> None:
        self._now = now
        self._source, self._actor = source, actor
        self._existing = existing
        self._rows: dict[str, tuple[Any, ...]] = {}  # customers that change, by id
        self._owners: dict[str, _Known] = {}  # identities by key
        self._own: dict[str, list[_Known]] = {}  # the stored ones of each customer
        self._names: dict[str, str] = {}  # external ids by id
        self._standing: dict[tuple[str, str], tuple[bool, int, str]] = {}  # consents by (identity, purpose)
        most = sum(1 + len(record.addresses) + len(record.consents) for record in records)
        self._ids = iter(new_ids(most))
        self._customers: list[tuple[Any, ...]] = []
        self._changed: list[tuple[Any, ...]] = []
        self._identities: list[tuple[Any, ...]] = []
        self._reachability: list[tuple[Any, ...]] = []
        self._granted: list[tuple[Any, ...]] = []
        self._regranted: list[tuple[Any, ...]] = []
        self._ledger: list[tuple[Any, ...]] = []

    async def look_up(self, bulk: Bulk, records: Sequence[CustomerRecord]) -> None:
        """Read what the store has of the customers and addresses in ``records``."""
        known = [self._existing[r.external_id][0] for r in records if r.external_id in self._existing]
        columns: tuple[str, ...] = ("id", *_MERGED, "attributes", "content_hash")
        self._rows = {row[0]: row for row in await bulk.select("customers", columns, "id", known, lock=True)}
        columns = ("key", "id", "customer_id", "channel", "reachable", "unreachable_reason", "source")
        keys = [address.key for record in records for address in record.addresses]
        found = await bulk.select("identities", columns, "key", keys)
        found += await bulk.select("identities", columns, "customer_id", known)
        self._owners = {row[0]: _Known(*row[1:]) for row in found}
        for key, identity in self._owners.items():
            self._own.setdefault(identity.customer_id, []).append(identity._replace(key=key))
        self._names = {id_: external_id for external_id, (id_, _) in self._existing.items()}
        others = {identity.customer_id for identity in self._owners.values()} - self._names.keys()
        for id_, external_id in await bulk.select("customers", ("id", "external_id"), "id", others):
            self._names[id_] = external_id or id_
        if any(record.consents for record in records):
            identities = [identity.id for identity in self._owners.values()]
            columns = ("identity_id", "purpose", "granted", "at", "document")
            for identity_id, purpose, *said in await bulk.select("consents", columns, "identity_id", identities):
                self._standing[identity_id, purpose] = (bool(said[0]), said[1], said[2])

    def take(self, number: int, record: CustomerRecord, tally: CustomerTally) -> None:
        """Add one record's changes."""
        found = self._existing.get(record.external_id)
        id_ = found[0] if found else next(self._ids)
        self._names[id_] = record.external_id
        refused: list[str] = []
        touched = False
        for address in record.addresses:
            identity = self._owners.get(address.key)
            if identity is None:
                identity = self._new_identity(id_, address)
                touched = True
            elif identity.customer_id != id_:
                owner = self._names.get(identity.customer_id, identity.customer_id)
                refused.append(f"{address.channel}: {address.value} belongs to customer {owner}; it stays theirs")
                continue
            elif not identity.reachable and identity.reason == REPLACED:
                self._reachability.append((identity.id, True, "", None, to_micros(machine_now())))
                touched = True
            if record.consents and self._hear(identity, record.consents.get(address.channel)):
                touched = True
        if id_ in self._own and self._replace_others(id_, record):
            touched = True
        digest = _INCOMPLETE + record.digest if refused else record.digest
        if refused:
            tally.refused += [(number, reason) for reason in refused]
        if found is None:
            self._customers.append(self._created(id_, record, digest))
            tally.created += 1
            became = "created"
        elif self._merge(self._rows[id_], record, digest) or touched:
            tally.updated += 1
            became = "updated"
        else:
            tally.unchanged += 1
            became = "unchanged"
        if tally.outcomes is not None:
            tally.outcomes[number] = became

    def _new_identity(self, customer_id: str, address: ImportedAddress) -> _Known:
        channel, scope, value, key = address
        id_ = next(self._ids)
        self._identities.append(
            (id_, customer_id, channel, scope, value, key, False, True, "", self._source, self._now)
        )  # fmt: skip
        self._owners[key] = identity = _Known(id_, customer_id, channel)
        return identity

    def _hear(self, identity: _Known, said: ImportedConsent | None) -> bool:
        """Write down what the row says about consent, if that changes anything."""
        if said is None:
            return False
        standing = self._standing.get((identity.id, said.purpose))
        if standing is not None and not _changes(standing, said):
            return False
        at = self._now if said.at is None else said.at
        row = (identity.id, said.purpose, said.granted, at, said.source, said.wording, said.document)
        (self._granted if standing is None else self._regranted).append(row)
        self._ledger.append((next(self._ids), identity.id, identity.customer_id, *row[1:], self._actor))
        return True

    def _replace_others(self, id_: str, record: CustomerRecord) -> bool:
        """Stop writing to imported addresses in whose place the file has another."""
        keys = {address.key for address in record.addresses}
        channels = {
            address.channel for address in record.addresses if self._owners[address.key].customer_id == id_
        }  # fmt: skip
        old = [
            identity
            for identity in self._own[id_]
            if identity.source in _REPLACED_BY_US
            and identity.reachable
            and identity.channel in channels
            and identity.key not in keys
        ]
        changed = to_micros(machine_now())
        self._reachability += [(identity.id, False, REPLACED, self._now, changed) for identity in old]
        return bool(old)

    def _merge(self, row: tuple[Any, ...], record: CustomerRecord, digest: str) -> bool:
        """Set what the record fills in; whether anything is new."""
        before = dict(zip(_MERGED, row[1:-2], strict=True))
        attributes = row[-2] if isinstance(row[-2], dict) else orjson.loads(row[-2] or "{}")
        after = before | record.values
        merged = attributes | record.attributes
        changed = after != before or merged != attributes
        if changed or row[-1] != digest:
            search = folded(f"{after['first_name']} {after['last_name']}")
            self._changed.append(
                (row[0], *(after[name] for name in _MERGED), search, orjson.dumps(merged).decode(), digest, self._now)
            )
        return changed

    def _created(self, id_: str, record: CustomerRecord, digest: str) -> tuple[Any, ...]:
        values = record.values.get
        first, last = values("first_name", ""), values("last_name", "")
        return (
            id_, record.external_id, first, last, folded(f"{first} {last}"), values("locale", ""), values("zone", ""),
            values("zone_guess", ""), values("country", ""), values("city", ""), values("gender", ""),
            values("birthday"), "", orjson.dumps(record.attributes).decode() if record.attributes else "{}",
            customer_draw(id_), digest, self._now, self._now,
        )  # fmt: skip

    async def flush(self, bulk: Bulk) -> None:
        """Write it all."""
        await bulk.insert("customers", CUSTOMER_COLUMNS, self._customers)
        await bulk.update("customers", _CHANGED, self._changed)
        await bulk.insert("identities", _IDENTITY, self._identities)
        await bulk.update("identities", _REACHABILITY, self._reachability)
        await bulk.insert("consents", _CONSENT, self._granted)
        await bulk.update("consents", _CONSENT, self._regranted, keys=2)
        await bulk.insert("consent_records", _LEDGER, self._ledger)


def _changes(standing: tuple[bool, int, str], said: ImportedConsent) -> bool:
    """Whether an imported word replaces the standing one: (granted, microseconds, document)."""
    granted, at, document = standing
    if granted == said.granted:
        # the same again to another version of the text is worth a line
        return bool(said.document) and said.document != document and (said.at is None or said.at >= at)
    if said.at is not None:
        return said.at > at
    return not said.granted  # without a time only the safe side wins
