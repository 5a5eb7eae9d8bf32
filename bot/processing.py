"""Processing: stored deliveries become effects, each in one transaction with its own "processed" mark.

A delivery that fails is tried three times and then set aside with its error; it never holds up the others.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import structlog
from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.batches.handling import handle_plain
from bot.batches.sorting import sort
from bot.context import MUTE, REPLY, START, Context, Voice
from bot.conversing import somebody_talks
from bot.deliveries import Delivery
from bot.rawmail import keep_attachments, keep_raw, named_by_content, own_raw
from bot.routing import handle
from campaigns.composing.links import CHOICE
from campaigns.definition import WorkspaceConfig
from campaigns.live import workspace_config
from campaigns.responding.receipts import record_reports
from campaigns.segments.indexes import unindexed
from core.clock import Clock
from core.errors import StoreUnavailable, TransactionLost
from core.messages import EMAIL, ChannelEvent, DeliveryReport, InboundMessage, RawInbound
from core.text import clipped
from core.tokens import Signer
from storage.intake import storable
from storage.outbox.columns import is_stored, table
from storage.statements import chunks
from storage.store import Store
from storage.tables import Inbound

log = structlog.get_logger(__name__)

Parser = Callable[[RawInbound], list[ChannelEvent]]

_INBOUND = table(Inbound)
_DELIVERIES = select(
    _INBOUND.c.id,
    _INBOUND.c.account,
    _INBOUND.c.channel,
    _INBOUND.c.key,
    _INBOUND.c.payload,
    _INBOUND.c.meta,
    _INBOUND.c.received_at,
)
REPORTS_TOGETHER = 100
PLAIN_TOGETHER, TALKED_TOGETHER = 100, 25
"""Messages in one transaction: those that are only logged, and those that the bot may have to answer one by one."""
OTHERS_TOGETHER = 6
"""In one transaction, which takes about 50 ms."""
TRIES = 3
ITEM_SECONDS = 30


_Take = Callable[[AsyncConnection, Sequence[Delivery], WorkspaceConfig], Awaitable[None]]


class Processor:
    """Takes stored deliveries in the order in which they came. Several may run: an item is taken by one of them.

    ``parsers`` are the adapters' ``parse`` by account; deliveries of other accounts wait until theirs is configured.
    ``secret`` is the workspace's, under which reply addresses and deep links are signed. ``heard`` are the channels on
    which the last run found more than reports: there may be answers to send. ``voice`` gives what the bot has to
    say; it is asked before each run, outside of any transaction.
    """

    def __init__(
        self, store: Store, parsers: Mapping[str, Parser], clock: Clock, secret: str,
        voice: Callable[[], Awaitable[Voice]] | None = None,
    ) -> None:  # fmt: skip
        self._store = store
        self._parsers = parsers
        self._clock = clock
        self._reply_tokens = Signer(secret, REPLY)
        self._start_tokens = Signer(secret, START)
        self._choice_tokens = Signer(secret, CHOICE)
        self._voice_of = voice
        self._voice = MUTE
        # by the index of what is stored: whatever was ever processed must not be looked through
        accounts = unindexed(_INBOUND.c.account).in_(sorted(parsers))
        self._waiting = _DELIVERIES.where(is_stored(_INBOUND), accounts).order_by(_INBOUND.c.id)
        self.heard: frozenset[str] = frozenset()

    async def run_once(self, limit: int = 200) -> int:
        """Process up to ``limit`` deliveries; gives how many were, failures not counted.

        Raises:
            StoreUnavailable: the rest stays stored.
        """
        async with self._store.read() as connection:
            rows = await self._stored(connection, limit)
            if not rows:
                return 0
            config = await workspace_config(connection)
        if self._voice_of is not None:
            self._voice = await self._voice_of()
        done = 0
        items = [item for row in rows if (item := await self._parsed(row)) is not None]
        reports = [item for item in items if item.is_report]
        others = [item for item in items if not item.is_report]
        for batch in chunks(reports, REPORTS_TOGETHER):
            done += await self._together(batch, config, self._take_reports)
        done += await self._messages(others, config)
        self.heard = frozenset(channel for item in others for channel in item.channels)
        return done

    async def pending(self) -> bool:
        """Whether a delivery waits to be processed."""
        async with self._store.read() as connection:
            return bool(await self._stored(connection, 1))

    async def _stored(self, connection: AsyncConnection, limit: int) -> Sequence[Row[*tuple[object, ...]]]:
        return (await connection.execute(self._waiting.limit(limit))).all()

    async def _parsed(self, row: Row[*tuple[object, ...]]) -> Delivery | None:
        raw = RawInbound(row.account, row.channel, row.key, bytes(row.payload), dict(row.meta or {}))
        try:
            parse = self._parsers[raw.account]
            # a mail may be megabytes of nested parts; the others are a few hundred bytes of JSON
            events = await asyncio.to_thread(parse, raw) if raw.channel == EMAIL else parse(raw)
        except Exception as error:  # noqa: BLE001  a delivery that nobody can read is set aside, whatever it is
            await self._failed(row.id, raw.account, error)
            return None
        return Delivery(row.id, raw, row.received_at, tuple(events))

    async def _messages(self, messages: Sequence[Delivery], config: WorkspaceConfig) -> int:
        """In order: the plain messages of a batch at once, then what that leaves."""
        if not messages:
            return 0
        async with self._store.read() as connection:
            talks = await somebody_talks(connection, self._voice)
        done = 0
        for batch in chunks(messages, min(PLAIN_TOGETHER, TALKED_TOGETHER) if talks else PLAIN_TOGETHER):
            done += await self._batch(batch, config, talks=talks)
        return done

    async def _batch(self, batch: Sequence[Delivery], config: WorkspaceConfig, *, talks: bool) -> int:
        done, left = await self._plain(batch, config, talks=talks)
        # elsewhere than on SQLite, with its one writer, locks that are taken one by one invite deadlocks
        together = OTHERS_TOGETHER if self._store.dialect == "sqlite" else 1
        for part in chunks(left, together):
            done += await self._together(part, config, self._take_messages)
        return done

    async def _plain(
        self, batch: Sequence[Delivery], config: WorkspaceConfig, *, talks: bool
    ) -> tuple[int, Sequence[Delivery]]:
        """How many were processed, and those that are left: all of them, if it fails."""
        try:
            found = sort(batch, partial(self._context, config))
            if not found.plain:
                return 0, batch
            async with asyncio.timeout(ITEM_SECONDS), self._store.write() as connection:
                taken = await self._take(connection, [one.delivery.id for one in found.plain])
                found.plain = [one for one in found.plain if one.delivery.id in taken]
                handled = await handle_plain(connection, found, self._clock.now(), talks=talks)
                left = {delivery.id for delivery in handled}
                await self._mark(connection, sorted(taken - left))
        except Exception as error:
            if isinstance(error, StoreUnavailable) and not isinstance(error, TransactionLost):
                raise
            log.warning("messages are processed one by one", messages=len(batch), error=_in_short(error))
            return 0, batch
        left |= {delivery.id for delivery in found.others}
        return len(taken) - len(left & taken), [delivery for delivery in batch if delivery.id in left]

    async def _together(self, batch: Sequence[Delivery], config: WorkspaceConfig, take: _Take) -> int:
        """Several deliveries in one transaction; if it fails, each by itself."""
        if len(batch) == 1:
            return await self._one(batch[0], config)
        try:
            async with asyncio.timeout(ITEM_SECONDS), self._store.write() as connection:
                taken = await self._take(connection, [item.id for item in batch])
                await take(connection, [item for item in batch if item.id in taken], config)
                await self._mark(connection, sorted(taken))
        except Exception as error:
            if isinstance(error, StoreUnavailable) and not isinstance(error, TransactionLost):
                raise
            return sum([await self._one(item, config) for item in batch])
        return len(taken)

    async def _take_reports(self, connection: AsyncConnection, batch: Sequence[Delivery], _: WorkspaceConfig) -> None:
        said = [event for item in batch for event in item.events if isinstance(event, DeliveryReport)]
        await record_reports(connection, said, self._clock.now())

    async def _take_messages(
        self, connection: AsyncConnection, batch: Sequence[Delivery], config: WorkspaceConfig
    ) -> None:
        for item in batch:
            await self._handle(connection, item, config)

    async def _one(self, item: Delivery, config: WorkspaceConfig) -> int:
        """One delivery; 0 if another took it, if it failed, or if it lost against other transactions every time.

        A lost one is tried again at once, so that what came later does not overtake it, and is not counted as a try.
        """
        for _ in range(TRIES):
            try:
                return await self._in_one_transaction(item, config)
            except TransactionLost as error:
                log.info("delivery waits for its turn", inbound=item.id, account=item.raw.account, error=str(error))
            except StoreUnavailable:
                raise
            except TimeoutError:
                raise StoreUnavailable(f"the store was busy for {ITEM_SECONDS} seconds") from None
            except Exception as error:  # noqa: BLE001  a poison delivery must not stop the others
                await self._failed(item.id, item.raw.account, error)
                return 0
        return 0

    async def _in_one_transaction(self, item: Delivery, config: WorkspaceConfig) -> int:
        async with asyncio.timeout(ITEM_SECONDS), self._store.write() as connection:
            if not await self._take(connection, [item.id]):
                return 0
            await self._handle(connection, item, config)
            await self._mark(connection, [item.id])
        return 1

    async def _handle(self, connection: AsyncConnection, item: Delivery, config: WorkspaceConfig) -> None:
        context = self._context(config, item)
        for event in item.events:
            if not isinstance(event, InboundMessage):
                await handle(connection, event, context)
                continue
            written = named_by_content(event)
            if item.raw.channel == EMAIL:
                blob = await keep_raw(connection, item.id, item.raw.payload, context.now)
                written = replace(written, raw_blob=blob)
            customer_id = await handle(connection, written, context)
            await own_raw(connection, written.raw_blob, customer_id)
            await keep_attachments(connection, written, customer_id, context.now)

    def _context(self, config: WorkspaceConfig, item: Delivery) -> Context:
        signers = self._reply_tokens, self._start_tokens, self._choice_tokens
        return Context(config, item.received_at, self._clock.now(), *signers, self._voice)

    async def _take(self, connection: AsyncConnection, ids: Sequence[str]) -> set[str]:
        """Those that nobody has processed and nobody else is processing."""
        statement = (
            select(_INBOUND.c.id)
            .where(_INBOUND.c.id.in_(ids), _INBOUND.c.state == "stored")
            .order_by(_INBOUND.c.id)
            .with_for_update(skip_locked=True)
        )
        return set(await connection.scalars(statement))

    async def _mark(self, connection: AsyncConnection, ids: Sequence[str]) -> None:
        await connection.execute(
            update(_INBOUND)
            .where(_INBOUND.c.id.in_(ids))
            .values(state="processed", error="", processed_at=self._clock.now())
        )

    async def _failed(self, item_id: str, account: str, error: Exception) -> None:
        """Count the try; after the last one set the delivery aside."""
        words = _in_short(error)
        async with self._store.write() as connection:
            tries = await connection.scalar(
                update(_INBOUND)
                .where(_INBOUND.c.id == item_id, _INBOUND.c.state == "stored")
                .values(tries=_INBOUND.c.tries + 1, error=words)
                .returning(_INBOUND.c.tries)
            )
            if tries is not None and tries >= TRIES:
                await connection.execute(update(_INBOUND).where(_INBOUND.c.id == item_id).values(state="quarantined"))
        log.warning("delivery not processed", inbound=item_id, account=account, tries=tries, error=words)


def _in_short(error: Exception) -> str:
    """What went wrong in one line that every database keeps."""
    words = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    return clipped(storable(words), 500)
