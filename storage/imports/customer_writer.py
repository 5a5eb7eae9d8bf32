"""A chunk of customer records into the store.

New customers are inserted with their addresses and consents; known ones get what the file fills in (an empty cell leaves
what is there). An address that belongs to somebody else stays theirs. An import never turns a withdrawal into a consent,
unless the row proves a later one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from core.draws import customer_draw
from core.ids import new_id
from core.messages import Address
from core.text import folded
from storage.imports.bulk import Bulk
from storage.imports.customers import CustomerRecord, ImportedConsent

CUSTOMER_COLUMNS = (
    "id", "external_id", "first_name", "last_name", "search", "locale", "zone", "zone_guess", "country", "city",
    "gender", "birthday", "stage", "attributes", "draw", "content_hash", "created_at", "updated_at",
)  # fmt: skip
_MERGED = ("first_name", "last_name", "locale", "zone", "zone_guess", "country", "city", "gender", "birthday")
_CHANGED = ("id", *_MERGED, "search", "attributes", "content_hash", "updated_at")
_IDENTITY = ("id", "customer_id", "channel", "scope", "address", "key", "verified", "reachable",
             "unreachable_reason", "source", "created_at")  # fmt: skip
_REACHABILITY = ("id", "reachable", "unreachable_reason", "unreachable_at")
_CONSENT = ("identity_id", "purpose", "granted", "at", "source", "wording")
_LEDGER = ("id", "identity_id", "customer_id", "purpose", "granted", "at", "source", "wording", "actor")
SOURCE = "import"
REPLACED = "replaced"
"""Why an imported address is no longer written to: the file has another one for that customer and channel."""
_INCOMPLETE = "!"
"""Before a stored hash: an address of the row was refused, so that the next import looks at it again."""


def new_customer(id_: str, external_id: str, draw: int, now: int) -> tuple[Any, ...]:
    """A row of :data:`CUSTOMER_COLUMNS` of whom nothing but the id is known."""
    return (id_, external_id, "", "", "", "", "", "", "", "", "", None, "", "{}", draw, "", now, now)


@dataclass(slots=True)
class CustomerTally:
    """What became of a chunk. ``refused`` are (number of the record, reason) of addresses that stayed out."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)


@dataclass(slots=True)
class _Known:
    """An identity that the store has."""

    id: str
    customer_id: str
    channel: str
    reachable: bool
    reason: str
    source: str
    key: str


@dataclass(slots=True)
class _Pending:
    """Rows to be written by the chunk."""

    customers: list[tuple[Any, ...]] = field(default_factory=list)
    changed: list[tuple[Any, ...]] = field(default_factory=list)
    identities: list[tuple[Any, ...]] = field(default_factory=list)
    reachability: list[tuple[Any, ...]] = field(default_factory=list)
    said: list[tuple[str, str, ImportedConsent]] = field(default_factory=list)  # identity, customer, consent
    fresh: set[str] = field(default_factory=set)  # identities that this chunk makes


class CustomerWriter:
    """Writes chunks of customers."""

    def forget(self) -> None:
        """Nothing is remembered between chunks."""

    async def write(self, bulk: Bulk, records: Sequence[CustomerRecord], now: int) -> CustomerTally:
        """One chunk, in the transaction of ``bulk``; no two records of it have the same id."""
        tally, pending = CustomerTally(), _Pending()
        existing = {
            external_id: (id_, digest)
            for id_, external_id, digest in await bulk.select(
                "customers", ("id", "external_id", "content_hash"), "external_id", [r.external_id for r in records]
            )
        }
        work = [
            (number, record)
            for number, record in enumerate(records)
            if record.external_id not in existing or existing[record.external_id][1] != record.digest
        ]
        tally.unchanged = len(records) - len(work)
        known = [existing[record.external_id][0] for _, record in work if record.external_id in existing]
        stored = {
            row[0]: row
            for row in await bulk.select(
                "customers", ("id", *_MERGED, "attributes", "content_hash"), "id", known, lock=True
            )
        }
        owners = await self._owners(bulk, work, known)
        names = await self._names(bulk, owners, work, existing)
        own: dict[str, list[_Known]] = {}
        for identity in owners.values():
            own.setdefault(identity.customer_id, []).append(identity)
        for number, record in work:
            found = existing.get(record.external_id)
            id_ = found[0] if found else new_id()
            refused, touched = self._addresses(record, id_, owners, own.get(id_, []), names, pending, now)
            names[id_] = record.external_id
            tally.refused += [(number, reason) for reason in refused]
            digest = _INCOMPLETE + record.digest if refused else record.digest
            if found is None:
                pending.customers.append(_created(id_, record, digest, now))
                tally.created += 1
            elif self._merge(stored[id_], record, digest, pending, now) or touched:
                tally.updated += 1
            else:
                tally.unchanged += 1
        await self._flush(bulk, pending, now)
        return tally

    @staticmethod
    async def _owners(bulk: Bulk, work: Sequence[tuple[int, CustomerRecord]], known: list[str]) -> dict[str, _Known]:
        """By key: identities with the addresses of the chunk, and all those of the customers that it changes."""
        columns = ("id", "customer_id", "channel", "reachable", "unreachable_reason", "source", "key")
        keys = [key for _, record in work for _, key in record.addresses]
        rows = await bulk.select("identities", columns, "key", keys)
        rows += await bulk.select("identities", columns, "customer_id", known)
        return {row[6]: _Known(*row) for row in rows}

    @staticmethod
    async def _names(
        bulk: Bulk,
        owners: dict[str, _Known],
        work: Sequence[tuple[int, CustomerRecord]],
        existing: dict[str, tuple[str, str]],
    ) -> dict[str, str]:
        """External ids of customers, for saying whose an address is."""
        names = {id_: external_id for external_id, (id_, _) in existing.items()}
        others = {identity.customer_id for identity in owners.values()} - names.keys()
        names.update(
            {id_: name or id_ for id_, name in await bulk.select("customers", ("id", "external_id"), "id", others)}
        )
        return names

    @staticmethod
    def _addresses(
        record: CustomerRecord, id_: str, owners: dict[str, _Known], own: list[_Known], names: dict[str, str],
        pending: _Pending, now: int,
    ) -> tuple[list[str], bool]:  # fmt: skip
        """Give the customer the row's addresses; the reasons of those refused, and whether anything changed."""
        refused: list[str] = []
        touched = False
        given: set[str] = set()
        for address, key in record.addresses:
            identity = owners.get(key)
            if identity is not None and identity.customer_id != id_:
                owner = names.get(identity.customer_id, identity.customer_id)
                refused.append(f"{address.channel}: {address.value} belongs to customer {owner}; it stays theirs")
                continue
            given.add(address.channel)
            if identity is None:
                identity = _Known(new_id(), id_, address.channel, True, "", SOURCE, key)
                owners[key] = identity
                pending.fresh.add(identity.id)
                pending.identities.append(_identity(identity, address, now))
                touched = True
            elif not identity.reachable and identity.reason == REPLACED:
                pending.reachability.append((identity.id, True, "", None))
                touched = True
            said = record.consents.get(address.channel)
            if said is not None:
                pending.said.append((identity.id, id_, said))
        keys = {key for _, key in record.addresses}
        for identity in own:
            if (
                identity.channel in given
                and identity.key not in keys
                and identity.reachable
                and identity.source == SOURCE
            ):
                pending.reachability.append((identity.id, False, REPLACED, now))
                touched = True
        return refused, touched

    @staticmethod
    def _merge(row: tuple[Any, ...], record: CustomerRecord, digest: str, pending: _Pending, now: int) -> bool:
        """Set what the record fills in; whether anything is new."""
        before = dict(zip(_MERGED, row[1:-2], strict=True))
        attributes = row[-2] if isinstance(row[-2], dict) else orjson.loads(row[-2] or "{}")
        after = before | record.values
        merged = attributes | record.attributes
        changed = after != before or merged != attributes
        if changed or row[-1] != digest:
            search = folded(f"{after['first_name']} {after['last_name']}")
            pending.changed.append(
                (row[0], *(after[name] for name in _MERGED), search, orjson.dumps(merged).decode(), digest, now)
            )
        return changed

    @staticmethod
    async def _flush(bulk: Bulk, pending: _Pending, now: int) -> None:
        await bulk.insert("customers", CUSTOMER_COLUMNS, pending.customers)
        await bulk.update("customers", _CHANGED, pending.changed)
        await bulk.insert("identities", _IDENTITY, pending.identities)
        await bulk.update("identities", _REACHABILITY, pending.reachability)
        if pending.said:
            await _write_consents(bulk, pending, now)


async def _write_consents(bulk: Bulk, pending: _Pending, now: int) -> None:
    """The consents that change something, with their proof in the ledger."""
    asked = {identity for identity, _, _ in pending.said} - pending.fresh
    current = {
        (identity, purpose): (bool(granted), at)
        for identity, purpose, granted, at in await bulk.select(
            "consents", ("identity_id", "purpose", "granted", "at"), "identity_id", asked
        )
    }
    inserts: list[tuple[Any, ...]] = []
    updates: list[tuple[Any, ...]] = []
    ledger: list[tuple[Any, ...]] = []
    for identity, customer, said in pending.said:
        standing = current.get((identity, said.purpose))
        if standing is not None and not _changes(standing, said):
            continue
        at = now if said.at is None else said.at
        row = (identity, said.purpose, said.granted, at, said.source, said.wording)
        (inserts if standing is None else updates).append(row)
        ledger.append((new_id(), identity, customer, *row[1:], SOURCE))
    await bulk.insert("consents", _CONSENT, inserts)
    await bulk.insert("consent_records", _LEDGER, ledger)
    await bulk.update("consents", _CONSENT, updates, keys=2)


def _changes(standing: tuple[bool, int], said: ImportedConsent) -> bool:
    """Whether an imported word replaces the standing one: (granted, microseconds)."""
    granted, at = standing
    if granted == said.granted:
        return False
    if said.at is not None:
        return said.at > at
    return not said.granted  # without a time only the safe side wins


def _created(id_: str, record: CustomerRecord, digest: str, now: int) -> tuple[Any, ...]:
    values = record.values.get
    first, last = values("first_name", ""), values("last_name", "")
    return (
        id_, record.external_id, first, last, folded(f"{first} {last}"), values("locale", ""), values("zone", ""),
        values("zone_guess", ""), values("country", ""), values("city", ""), values("gender", ""),
        values("birthday"), "", orjson.dumps(record.attributes).decode() if record.attributes else "{}",
        customer_draw(id_), digest, now, now,
    )  # fmt: skip


def _identity(identity: _Known, address: Address, now: int) -> tuple[Any, ...]:
    return (
        identity.id, identity.customer_id, address.channel, address.scope, address.value, identity.key,
        False, True, "", SOURCE, now,
    )  # fmt: skip
