"""The intake: what a provider delivers is durable before it is acknowledged.

Deliveries that arrive at the same time share one commit: while a group is being committed the next one gathers, and a
group waits some milliseconds for half as many as the one before had, so that under load one half is read and answered
while the other is committed.
A repeat, known by (account, key), is acknowledged and stored once.

While the database is away, what may be ``spooled`` is safe on disk instead. Until all of that is stored, whatever comes
goes behind it: one customer's lines keep their order.
"""

import asyncio
import contextlib
import hashlib
import operator
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple, Self

import structlog
from sqlalchemy.exc import DBAPIError

from core.clock import Clock, to_micros
from core.errors import ConfigurationError, StoreUnavailable
from core.ids import new_ids
from core.messages import RawInbound
from storage.given import as_json
from storage.outbox.columns import table
from storage.spool import DiskSpool, Row
from storage.sqlite import Statement
from storage.statements import chunks
from storage.store import Store
from storage.tables import Inbound

log = structlog.get_logger(__name__)

_INBOUND = table(Inbound)
LONGEST_KEY = 255
GROUP = 500
AT_ONCE = 128
"""Rows of one statement on SQLite."""
GATHER_SECONDS = 0.003
"""How long the first of a group waits for half as many as the group before it had. A group that begins with the first
who comes leaves all the others to the next one: then everybody waits for that commit, and nobody works meanwhile."""
WAITING = 5000
COMMIT_SECONDS = 20.0
AWAY_SECONDS = 5.0
"""With a disk to turn to, a database that takes so long is away. Whoever came meanwhile has waited as long already, and
Twilio waits 15 s in all. What comes from the disk has longer: nobody waits for it, and it may be large."""
TOGETHER = 512 * 1024
"""Bytes of files whose deliveries share a commit: those who come meanwhile are not to overtake the disk."""
AGAIN_SECONDS = 1.0
"""After so long it is looked whether the database is back."""
_AWAY = (StoreUnavailable, ConfigurationError, TimeoutError)
"""The database does not take it now: also one that was restored under another name, or changed its password."""
_ORDER = operator.itemgetter(0, 1)


class _Delivery(NamedTuple):
    """Rows that belong together, who waits for them, and whether they may be safe on disk instead."""

    rows: list[Row]
    done: asyncio.Future[None]
    spooled: bool


class Intake:
    """One committer over a bounded queue; use it as an async context manager.

    ``waiting`` bounds the deliveries that wait for their commit; beyond it :meth:`store` refuses at once. Without a
    ``spool`` nothing is stored while the database is away.
    """

    def __init__(self, store: Store, clock: Clock, *, waiting: int = WAITING, spool: DiskSpool | None = None) -> None:
        self._store = store
        self._clock = clock
        self._most = waiting
        self._waiting: list[_Delivery] = []
        self._wanted = 1
        self._gathered = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._spool = spool
        self._patience = COMMIT_SECONDS if spool is None else AWAY_SECONDS
        self._refuses = False
        self._spooled = asyncio.Event()
        self._replay: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._commit_groups(), name="intake")
        if self._spool is not None:
            self._replay = asyncio.create_task(self._empty(self._spool), name="intake from disk")
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Stop; whoever still waits is told that nothing was stored."""
        for task in filter(None, (self._task, self._replay)):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._task = self._replay = None
        _fail(self._taken(), "the intake was closed")

    async def store(self, inbound: Sequence[RawInbound], *, spooled: bool = False) -> None:
        """Store the deliveries that are not there yet; they are durable when this returns.

        ``spooled``: while the database is away they may wait for it on disk. Not for who keeps a cursor in that
        database: what it cannot move past, it fetches again and again.

        Raises:
            StoreUnavailable: nothing is promised; the provider must deliver again.
        """
        if not inbound:
            return
        task = self._task
        if task is None or task.done() or (self._replay is not None and self._replay.done()):
            raise StoreUnavailable("the intake is not running")
        if len(self._waiting) >= self._most:
            raise StoreUnavailable("too many deliveries wait for the store")
        received_at = to_micros(self._clock.now())
        rows = [
            (
                item.account,
                bounded_key(item.key),
                item.channel,
                item.payload,
                as_json(storable(item.meta)) if item.meta else "{}",
                received_at,
            )
            for item in inbound
        ]
        done = task.get_loop().create_future()
        self._waiting.append(_Delivery(rows, done, spooled))
        if len(self._waiting) == self._wanted:
            self._gathered.set()
        await done

    @property
    def spooled(self) -> bool:
        """Whether deliveries wait on disk."""
        return self._spool is not None and self._spool.waiting > 0

    def _taken(self, most: int | None = None) -> list[_Delivery]:
        """Those who wait longest."""
        taken = self._waiting[:most]
        del self._waiting[:most]
        return taken

    async def _commit_groups(self) -> None:
        before = 0
        while True:
            await self._gather(1)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GATHER_SECONDS):
                    await self._gather(before // 2)
            group = self._taken(GROUP)
            before = len(group)
            try:
                await self._commit(group)
            except BaseException:
                _fail(group, "the intake was closed")
                raise

    async def _gather(self, wanted: int) -> None:
        """Wait until so many wait."""
        if len(self._waiting) < wanted:
            self._wanted = wanted
            self._gathered.clear()
            await self._gathered.wait()

    async def _commit(self, group: list[_Delivery]) -> None:
        """Commit a group whole; if the database refuses a row of it, each delivery by itself."""
        if self.spooled:
            await self._to_disk(group, "what came while the store was away is not stored yet")
            return
        try:
            await self._write([row for delivery in group for row in delivery.rows], self._patience)
        except _AWAY as error:
            await self._to_disk(group, str(error) or "the store does not answer")
        except DBAPIError:
            if len(group) == 1:
                log.exception("delivery refused by the store", account=group[0].rows[0][0])
                _fail(group, "the store refused the delivery")
                return
            for delivery in group:
                await self._commit([delivery])
        else:
            _succeed(group)

    async def _to_disk(self, group: list[_Delivery], why: str) -> None:
        """Keep of the ``group`` what may be on disk, and refuse the rest."""
        kept = [delivery for delivery in group if delivery.spooled] if self._spool is not None else []
        _fail([delivery for delivery in group if not (kept and delivery.spooled)], why)
        if self._spool is None or not kept:
            return
        first = not self._spool.waiting
        try:
            await self._spool.keep([delivery.rows for delivery in kept])
        except StoreUnavailable as error:
            if not self._refuses:
                log.warning("neither the store nor the disk takes deliveries: providers call again", error=str(error))
            self._refuses = True
            _fail(kept, f"{why}; {error}")
            return
        self._refuses = False
        if first:
            log.warning("the store is away: what comes is kept on disk", error=why)
        self._spooled.set()
        _succeed(kept)

    async def _empty(self, spool: DiskSpool) -> None:
        """Store what is on disk, whenever there is something and the database takes it."""
        stored = 0
        while True:
            try:
                if spool.waiting:
                    stored += await self._store_again(spool)
                    continue
            except _AWAY:
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            if stored:
                log.info("what was kept on disk is stored", deliveries=stored)
                stored = 0
            self._spooled.clear()
            await self._spooled.wait()

    async def _store_again(self, spool: DiskSpool) -> int:
        """Store the next deliveries from disk; if the database refuses one of them, each of one file by itself."""
        deliveries = await spool.first(TOGETHER)
        refused = ""
        try:
            if deliveries:
                await self._write([row for rows in deliveries for row in rows], COMMIT_SECONDS)
        except DBAPIError:
            deliveries = await spool.first()
            for rows in deliveries:
                try:
                    await self._write(rows, COMMIT_SECONDS)
                except DBAPIError as error:
                    refused = str(error.orig)
        await (spool.set_aside(refused) if refused else spool.drop())
        return len(deliveries)

    async def _write(self, rows: list[Row], seconds: float) -> None:
        ids = new_ids(len(rows))  # they are processed in this order: as they came
        # in one order everywhere: two processes may be given the same deliveries
        ordered = sorted([(*row, id_) for row, id_ in zip(rows, ids, strict=True)], key=_ORDER)
        statements: list[Statement] = [(_insert("$"), ordered)]
        if self._store.dialect == "sqlite":
            parts = chunks(ordered, AT_ONCE)
            statements = [(_insert("?", len(part)), tuple(chain.from_iterable(part))) for part in parts]
        async with asyncio.timeout(seconds):
            await self._store.write_at_once(statements)


@lru_cache(maxsize=2 * AT_ONCE)
def _insert(mark: str, rows: int = 1) -> str:
    """The INSERT of so many rows where they are not there yet; ``mark`` is what the driver's parameters look like.

    Written out, because SQLAlchemy's takes longer than the database; and many rows at once on SQLite, because between
    two executions its thread has to wait for the interpreter.
    """
    given = ("account", "key", "channel", "payload", "meta", "received_at", "id")
    places = ", ".join(f"${number}" if mark == "$" else mark for number in range(1, len(given) + 1))
    names = ", ".join(f'"{name}"' for name in given)
    values = ", ".join([f"({places}, 'stored', '', 0)"] * rows)
    return (
        f"INSERT INTO {_INBOUND.name} ({names}, state, error, tries) VALUES {values} "  # noqa: S608  names of ours
        "ON CONFLICT DO NOTHING"
    )


def _succeed(group: Sequence[_Delivery]) -> None:
    for delivery in group:
        if not delivery.done.done():
            delivery.done.set_result(None)


def _fail(group: Sequence[_Delivery], why: str) -> None:
    for delivery in group:
        if not delivery.done.done():
            delivery.done.set_exception(StoreUnavailable(why))


def bounded_key(key: str) -> str:
    """A key that every database can index: a long or unstorable one is replaced by its hash."""
    if len(key) <= LONGEST_KEY and ((key.isascii() and "\x00" not in key) or storable(key) == key):
        return key
    return "sha256:" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def storable(value: Any) -> Any:
    """Plain data without what PostgreSQL cannot keep: NUL and lone surrogates."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {storable(name): storable(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [storable(item) for item in value]
    return value
