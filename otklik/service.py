"""The service: everything in one process. Each part is a task; the first that fails for good ends them all, cleanly.

Start order: recover what dead workers left (their journals are read before anything is claimed) → intake → loops.
"""

import asyncio
import os
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.continuation import continue_by_email
from bot.files import FETCH_FILES, FileFetcher
from bot.handoff.keeping import keep_desk
from bot.handoff.requesting import Handoffs
from bot.processing import Processor
from bot.proofs import forget_codes
from campaigns.composing.composer import Composer
from campaigns.composing.links import MessageLinks
from campaigns.engine import HANDOFF, WEBHOOK
from campaigns.gates import DISPATCH_GATES
from campaigns.offers.granting import expire_grants
from campaigns.responding.receipts import settle_parked, sweep_parked
from campaigns.running.answering import ON_ANSWER, AnswerActions
from campaigns.running.calling import WebhookCaller
from campaigns.running.commands import CommandRunner
from campaigns.running.runner import Runner
from campaigns.running.waiting import release_held
from campaigns.segments.keeping import keep_segments
from campaigns.starting.scheduler import Scheduler, end_finished
from channels.adapter import Adapter
from channels.dispatch import ChannelDispatcher
from channels.journal import Journal, boot_id, read_dead
from channels.rates import RateGate
from channels.webchat.adapter import WebchatAdapter
from core.clock import Clock
from core.errors import StoreUnavailable, TransactionLost
from core.ids import new_id
from core.messages import EMAIL, WEBCHAT
from core.wakeup import CALLS, COMMANDS, DESK, INBOUND, JOURNEYS, STARTS, TOPICS, LocalWakeup
from core.wakeup import outbox as outbox_topic
from desk.live.feed import Feed
from otklik.accounts import Account, bulk_companion, make_accounts, unserved_countries
from otklik.charging import settle_charges
from otklik.menus import put_menus
from otklik.polling import poll_for_ever
from otklik.reconciling import reconcile
from otklik.settings import Configuration
from otklik.standing import SignsOfLife
from otklik.talking import Bot
from otklik.topics import Works, topic_desks
from otklik.wiring import addresses, make_clock
from storage.chat import ChatLines
from storage.intake import Intake
from storage.outbox.outbox import Outbox
from storage.outbox.recovery import JournalMarks
from storage.rates import SharedSlots
from storage.spool import DiskSpool
from storage.store import Store

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
SWEEP_SECONDS = 5.0
STARTS_SECONDS = 5.0
HOUSEKEEPING_SECONDS = 60.0
CHARGES_SECONDS = 1800.0


@dataclass(slots=True)
class Service:
    """A running Otklik. Made by :func:`running_service`."""

    configuration: Configuration
    store: Store
    clock: Clock
    wakeup: LocalWakeup
    outbox: Outbox
    journal: Journal
    intake: Intake
    runner: Runner
    scheduler: Scheduler
    processor: Processor
    commands: CommandRunner
    fetching: CommandRunner
    accounts: list[Account]
    feed: Feed
    bot: Bot
    signs: SignsOfLife
    dispatchers: list[ChannelDispatcher] = field(default_factory=list)
    topics: list[Works] = field(default_factory=list)
    moving: Counter[str] = field(default_factory=Counter)

    @property
    def adapters(self) -> dict[str, Adapter]:
        """Adapters by account name."""
        return {account.name: account.adapter for account in self.accounts}

    @property
    def busy(self) -> list[str]:
        """The parts that are in the middle of something."""
        return [
            *(part for part, number in self.moving.items() if number),
            *(dispatcher.channel for dispatcher in self.dispatchers if dispatcher.busy),
            *(["intake"] if self.intake.spooled else []),
        ]

    async def recover(self) -> None:
        """Settle what dead workers of this machine left behind."""
        for worker, host, boot, journal in await self.outbox.others():
            if host != socket.gethostname():
                continue
            marks = await asyncio.to_thread(dead_marks, Path(journal), boot)
            if marks is ALIVE:
                continue
            found = await self.outbox.recover(worker, marks)
            if marks is not None:
                await asyncio.to_thread(Path(journal).unlink, missing_ok=True)
            log.info(
                "recovered a dead worker",
                worker=worker,
                outcomes=found.outcomes,
                returned=found.returned,
                unknown=found.unknown,
            )

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for dispatcher in self.dispatchers:
                tasks.create_task(dispatcher.run(), name=f"dispatch {dispatcher.channel}")
            for account in self.accounts:
                for source in account.sources:
                    poll = poll_for_ever(account.name, source, self.store, self.intake, self.wakeup, self.signs.deaf)
                    tasks.create_task(poll, name=f"poll {account.name}")
            tasks.create_task(self._loop(JOURNEYS, self.runner.run_once), name="runner")
            tasks.create_task(self._loop(INBOUND, self._process), name="processor")
            tasks.create_task(self._loop(COMMANDS, self.commands.run_once), name="commands")
            tasks.create_task(self._loop(FETCH_FILES, self.fetching.run_once), name="fetching")
            tasks.create_task(self._loop(STARTS, self.scheduler.tick, STARTS_SECONDS), name="starts")
            for topics in self.topics:
                tasks.create_task(self._loop(TOPICS, topics.run_once), name="topics")
            for runner in self.bot.runners:
                tasks.create_task(self._loop(CALLS, runner), name="calls")
            tasks.create_task(self.feed.run(), name="desk")
            tasks.create_task(self._ticks(), name="ticks")
            tasks.create_task(put_menus(self.store, self.accounts), name="menus")

    async def _process(self) -> int:
        done: int = await self.processor.run_once()
        if done:
            self.wakeup.notify(JOURNEYS)
            self.wakeup.notify(FETCH_FILES)
            self.wakeup.notify(DESK)
            self.wakeup.notify(COMMANDS)
            self.wakeup.notify(TOPICS)
            for channel in self.processor.heard:
                self.wakeup.notify(f"outbox:{channel}")
        return done

    async def _loop(self, topic: str, once: Callable[[], Awaitable[int]], look: float = LOOK_SECONDS) -> None:
        """Do ``once`` again and again; wait when there was nothing to do. A store that is away is told once."""
        away = False
        while True:
            self.moving[topic] += 1
            try:
                done, away = await once(), False
            except StoreUnavailable as error:
                if not away:
                    log.warning("store is away", part=topic, error=str(error))
                done, away = 0, not isinstance(error, TransactionLost)
                if away:
                    await asyncio.sleep(look)
            finally:
                self.moving[topic] -= 1
            if not done:
                await self.wakeup.wait(topic, look)
            elif topic == STARTS:
                self.wakeup.notify(JOURNEYS)

    async def _ticks(self) -> None:
        """Let APScheduler tick the housekeeping; it decides nothing about *when* a campaign runs."""
        from apscheduler.schedulers.asyncio import AsyncIOScheduler

        scheduler = AsyncIOScheduler(job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None})
        for job, seconds in (
            (self.sweep, SWEEP_SECONDS),
            (self.signs.give, SWEEP_SECONDS),
            (self.recover, HOUSEKEEPING_SECONDS),
            (self._settle_late_receipts, SWEEP_SECONDS),
            (self._end_finished, HOUSEKEEPING_SECONDS),
            (self._keep_desk, SWEEP_SECONDS),
            (self._tick_bot, SWEEP_SECONDS),
            (self._continue_chats, HOUSEKEEPING_SECONDS),
            (self._expire_grants, HOUSEKEEPING_SECONDS),
            (self._forget_codes, HOUSEKEEPING_SECONDS),
            (self._forget_recipients, HOUSEKEEPING_SECONDS),
            (self._keep_segments, HOUSEKEEPING_SECONDS),
            (self._settle_charges, CHARGES_SECONDS),
            (self.reconcile, HOUSEKEEPING_SECONDS),
        ):
            scheduler.add_job(_guarded(job), "interval", seconds=seconds)
        scheduler.start()
        try:
            await asyncio.Event().wait()
        finally:
            scheduler.shutdown(wait=False)

    async def sweep(self) -> None:
        """Free expired leases; wake journeys whose message missed its window, or whose live chat is over."""
        woken = await self.outbox.sweep()
        if woken or await release_held(self.store, self.clock.now()):
            self.wakeup.notify(JOURNEYS)

    async def _settle_late_receipts(self) -> None:
        async with self.store.write() as connection:
            await sweep_parked(connection, self.clock.now())

    async def _forget_recipients(self) -> None:
        await SharedSlots(self.store).forget()

    async def _keep_desk(self) -> None:
        if await keep_desk(self.store, self.clock):
            self.wakeup.notify(DESK)

    async def _forget_codes(self) -> None:
        async with self.store.write() as connection:
            await forget_codes(connection, self.clock.now())

    async def _tick_bot(self) -> None:
        if await self.bot.tick():
            for dispatcher in self.dispatchers:
                self.wakeup.notify(outbox_topic(dispatcher.channel))
            self.wakeup.notify(DESK)

    async def _expire_grants(self) -> None:
        async with self.store.write() as connection:
            await expire_grants(connection, self.clock.now())

    async def _keep_segments(self) -> None:
        await keep_segments(self.store, self.clock.now())

    async def _settle_charges(self) -> None:
        await settle_charges(self.store, self.accounts)

    async def reconcile(self) -> None:
        """Ask providers about unknown sends, where the workspace says so."""
        if await reconcile(self.store, self.accounts, self.outbox):
            self.wakeup.notify(JOURNEYS)

    async def _continue_chats(self) -> None:
        if any(account.channel == WEBCHAT for account in self.accounts) and await continue_by_email(
            self.store, self.clock
        ):
            self.wakeup.notify(outbox_topic(EMAIL))

    async def _end_finished(self) -> None:
        await end_finished(self.store, self.clock)


def _guarded(job: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[None]]:
    away = False

    async def run() -> None:
        nonlocal away
        try:
            await job()
            away = False
        except StoreUnavailable as error:
            if not away:
                log.warning("store is away", job=getattr(job, "__name__", ""), error=str(error))
            away = not isinstance(error, TransactionLost)

    return run


ALIVE = JournalMarks(frozenset(), {})
"""Stands for the journal of a worker that still lives."""


def dead_marks(journal: Path, boot: str) -> JournalMarks | None:
    """What a dead worker's journal says; :data:`ALIVE` if it lives, None if there is nothing to trust."""
    try:
        read = read_dead(journal)
    except FileNotFoundError:
        return None
    if read is None:
        return ALIVE
    return JournalMarks(*read) if boot and boot == boot_id() else None


@asynccontextmanager
async def running_service(configuration: Configuration, store: Store) -> AsyncIterator[Service]:
    """A service with its parts open and dead workers recovered, not yet working: call :meth:`Service.run`."""
    settings = configuration.settings
    clock = make_clock(configuration)
    wakeup = LocalWakeup()
    worker = new_id()
    journal = Journal(settings.data_dir.absolute() / "journals" / f"{worker}.journal")
    outbox = Outbox(
        store,
        clock,
        DISPATCH_GATES,
        worker=worker,
        lease_seconds=settings.lease_seconds,
        on_accepted=_settle_parked,
    )
    links = MessageLinks(addresses(configuration))
    async with AsyncExitStack() as stack:
        accounts = make_accounts(configuration)
        caller = WebhookCaller(store, clock, configuration.secret)
        stack.push_async_callback(caller.close)
        bot = Bot(store, clock, configuration, accounts)
        stack.push_async_callback(bot.close)
        spool = await DiskSpool.open(settings.data_dir.absolute() / "spool", settings.spool_mb << 20)
        intake = await stack.enter_async_context(Intake(store, clock, spool=spool))
        dispatchers: list[ChannelDispatcher] = []
        service = Service(
            configuration=configuration,
            store=store,
            clock=clock,
            wakeup=wakeup,
            outbox=outbox,
            journal=journal,
            intake=intake,
            runner=Runner(store, clock, wakeup, unserved=unserved_countries(accounts), links=links),
            scheduler=Scheduler(store, clock),
            processor=Processor(
                store, {account.name: account.parse for account in accounts}, clock, configuration.secret, bot.voice
            ),
            commands=CommandRunner(
                store,
                clock,
                {
                    HANDOFF: Handoffs(store, clock),
                    WEBHOOK: caller,
                    ON_ANSWER: AnswerActions(store, clock, wakeup),
                },
            ),
            fetching=CommandRunner(
                store,
                clock,
                {FETCH_FILES: FileFetcher(store, clock, {account.name: account.adapter for account in accounts})},
            ),
            accounts=accounts,
            feed=Feed(store, wakeup),
            bot=bot,
            signs=SignsOfLife(store, worker, accounts, dispatchers, spool),
            dispatchers=dispatchers,
        )
        await outbox.register(socket.gethostname(), boot_id(), str(journal.path))
        await service.recover()
        rates = RateGate(
            {account.name: account.adapter.capabilities for account in accounts},
            slots=SharedSlots(store) if store.dialect == "postgresql" else None,
            scale=settings.rate_scale,
        )
        service.topics.extend(topic_desks(store, clock, wakeup, accounts, rates, service.signs))
        companion = bulk_companion(configuration, links, accounts)
        if companion is not None:
            stack.push_async_callback(companion.close)
        composer = Composer(store, clock, links, companion)
        for account in accounts:
            if isinstance(account.adapter, WebchatAdapter):
                account.adapter.lines = ChatLines(store, clock)
            await account.open(settings.public_url)
            stack.push_async_callback(account.close)
            service.dispatchers.append(ChannelDispatcher(account.adapter, outbox, composer, rates, journal, wakeup))
        await service.signs.give()
        log.info("worker ready", worker=worker, pid=os.getpid(), channels=[account.channel for account in accounts])
        try:
            yield service
        finally:
            await _say_goodbye(service)


async def _say_goodbye(service: Service) -> None:
    """Retire the worker if everything it did is in the store; otherwise leave its journal to the next start."""
    clean = not any(dispatcher.busy for dispatcher in service.dispatchers)
    if clean:
        try:
            await service.outbox.retire()
        except StoreUnavailable as error:
            log.warning("store is away at shutdown", error=str(error))
            clean = False
    service.journal.close(remove=clean)


async def _settle_parked(connection: AsyncConnection, accepted: Sequence[tuple[str, str]], now: datetime) -> None:
    await settle_parked(connection, accepted, now)
