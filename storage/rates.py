"""Rates that all workers of a store share: a row an account, or a recipient, says when its next slot is free.

One statement reserves a slice of slots; instants are the database's own, so that the workers' clocks need not agree.
Recipients are kept as hashes, and only for an hour.
Satisfies ``channels.rates.Slots``.
"""

import hashlib

from sqlalchemy import BigInteger, bindparam, case, delete, literal

from storage.outbox.columns import table
from storage.statements import insert_into, lease_clock
from storage.store import Store
from storage.tables import RateSlot

_SLOTS = table(RateSlot)
MICROSECONDS = 1_000_000
FORGOTTEN_SECONDS = 3600


class SharedSlots:
    """Slots in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def reserve(
        self, account: str, recipient: str, interval: float, count: int, ahead: float
    ) -> tuple[float, bool]:
        """Reserve slots, as :class:`channels.rates.Slots` says.

        Raises:
            StoreUnavailable: nothing is reserved, or as much as was asked for is lost.
        """
        recipient = hashlib.blake2b(recipient.encode(), digest_size=12).hexdigest() if recipient else ""
        width = round(interval * MICROSECONDS) * count
        clock = lease_clock()
        async with self._store.write() as connection:
            if connection.dialect.name == "postgresql":
                # a slice that a crash forgets is a fifth of a second of one account
                await connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
            later = bindparam("width", type_=BigInteger())
            statement = insert_into(connection, _SLOTS)
            free = case((_SLOTS.c.next_at > clock, _SLOTS.c.next_at), else_=clock)
            found = await connection.execute(
                statement.values(
                    account=account, recipient=recipient, next_at=clock + bindparam("width", type_=BigInteger())
                )
                .on_conflict_do_update(
                    index_elements=[_SLOTS.c.account, _SLOTS.c.recipient],
                    set_={"next_at": free + later},
                    where=_SLOTS.c.next_at <= clock + literal(round(ahead * MICROSECONDS), BigInteger()),
                )
                .returning(_SLOTS.c.next_at, clock.label("now")),
                {"width": width},
            )
            row = found.first()
            if row is not None:
                return max(0.0, (row.next_at - width - row.now) / MICROSECONDS), True
            taken = await connection.execute(
                _SLOTS.select()
                .add_columns(clock.label("now"))
                .where(_SLOTS.c.account == account, _SLOTS.c.recipient == recipient)
            )
            row = taken.one()
            return max(0.001, (row.next_at - row.now) / MICROSECONDS - ahead), False

    async def forget(self) -> None:
        """Drop the recipients to whom nothing was sent for an hour."""
        long_ago = lease_clock() - literal(FORGOTTEN_SECONDS * MICROSECONDS, BigInteger())
        async with self._store.write() as connection:
            await connection.execute(delete(_SLOTS).where(_SLOTS.c.next_at < long_ago))
