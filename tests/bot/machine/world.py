"""The world of a conversation: customers, the bot, agents at the web desk and in Telegram, a campaign, the clock.

Each act is done as the program does it, and is told to the judge: what it foretells must be what comes of it, and what
the store says afterwards. An act that was cut by a crash has not happened.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from bot.answers.flows import FlowAnswers
from bot.answers.live import LiveAnswers
from bot.context import REPLY, Voice
from bot.flows.running import time_out_runs
from bot.handoff.keeping import keep_desk
from bot.processing import Processor
from campaigns.running.runner import Runner
from campaigns.running.waiting import release_held
from campaigns.starting.entry import enrol_group
from core.agents import Presence
from core.clock import VirtualClock, machine_now
from core.machines.conversation import ConversationState
from core.messages import EMAIL, TELEGRAM, ChannelEvent, InboundMessage, RawInbound
from core.purposes import Purpose
from core.tokens import Signer
from core.wakeup import LocalWakeup
from storage.intake import Intake
from storage.outbox.columns import table
from storage.tables import Agent, Conversation, ConversationEvent, Message
from tests.bot.machine.desks import Desks
from tests.bot.machine.judge import BOT, NOBODY, WAITS, Thread
from tests.bot.machine.sending import Sending
from tests.bot.machine.stage import AGENTS, CHANNELS, ROOM, SECRET, Cast, Cut, Cuttable, config_of
from tests.bot.topics.stage import Group
from tests.conftest import NOW

_CONVERSATIONS, _MESSAGES, _EVENTS, _AGENTS = (
    table(Conversation), table(Message), table(ConversationEvent), table(Agent),
)  # fmt: skip
S = ConversationState
WORDS = {
    "chat": "Something odd about page {number}",
    "question": "Where is my order?",
    "human": "I want to talk to a human",
    "angry": "This is outrageous, number {number}",
    "flow": "shop",
    "1": "1",
    "menu": "menu",
    "help": "help",
    "thanks": "thanks",
    "start": "/start",
    "stop": "stop",
}
MAY_BE_SILENT = frozenset({"stop", "thanks", "start", "1"})
"""Words to which nobody need say anything: an order that was known, thanks, a number that was an answer's verdict."""
LATE = timedelta(days=5)
"""By then every first answer was due, whatever days lie between."""


@dataclass(frozen=True)
class Word:
    """Something a customer said, acknowledged."""

    key: str
    customer: int
    kind: str
    text: str
    channel: str
    verified: bool


class World(Desks, Sending):
    """Everything, with one method for each thing that can happen."""

    def __init__(self, store: Cuttable, cast: Cast, nobody: str) -> None:
        self.store = store
        self.cast = cast
        self.nobody = nobody
        self.config = config_of(nobody)
        self.clock = VirtualClock(NOW)
        self.threads: dict[str, Thread] = {}
        self.composed: dict[str, tuple[int, int]] = {}
        self.words: list[Word] = []
        self.to_come: list[Word] = []
        self.in_topics: list[str] = []
        self.events: dict[str, ChannelEvent] = {}
        self.present = dict.fromkeys(AGENTS, True)
        self.number = 0
        self._live = LiveAnswers()
        self._flow_answers = FlowAnswers(self._live, self.clock)
        self.runner = Runner(store, self.clock, LocalWakeup())  # type: ignore[arg-type]
        self.group = Group()
        self.open_the_channel()
        self.open_the_desks()

    def next(self) -> int:
        self.number += 1
        return self.number

    async def crash(self, what: Any) -> Any:
        """What it gives; None where the process ended on the way."""
        try:
            return await what
        except Cut:
            return None
        finally:
            self.store.after = None

    # customers

    async def says(self, customer: int, channel: str, kind: str, *, proven: bool, twice: bool) -> None:
        """The provider delivers it, and is told that we have it."""
        number, person = self.next(), self.cast.people[customer]
        if kind == "start":
            channel = TELEGRAM
        key, text = f"k{number}", WORDS[kind].format(number=number)
        tokens: tuple[str, ...] = ()
        if channel == EMAIL and proven:
            sent = await self._mailed(customer)
            tokens = (Signer(SECRET, REPLY).sign(sent),) if sent else ()
        said = InboundMessage(channel, key, person.addresses[channel], text, reply_tokens=tokens, subject="A question")
        await self._delivered(channel, said, twice=twice)
        word = Word(key, customer, kind, text, channel, channel != EMAIL or bool(tokens))
        self.words.append(word)
        self.to_come.append(word)

    async def _mailed(self, customer: int) -> str:
        """A mail that they got from us in the conversation that is theirs for sure."""
        theirs = [id_ for id_, one in self.threads.items() if one.customer == customer and one.verified]
        wanted = select(_MESSAGES.c.id).where(
            _MESSAGES.c.channel == EMAIL, _MESSAGES.c.direction == "out", _MESSAGES.c.conversation_id.in_(theirs)
        )
        async with self.store.read() as connection:
            mails = await connection.scalars(wanted.order_by(_MESSAGES.c.id))
            return next((id_ for id_ in mails if id_ in self.got), "")

    async def _delivered(self, channel: str, event: ChannelEvent, *, twice: bool = False) -> None:
        key = getattr(event, "key")  # noqa: B009
        self.events[key] = event
        raw = RawInbound(channel, channel, key, b"{}")
        async with Intake(self.store, self.clock) as intake:  # type: ignore[arg-type]
            await intake.store([raw, raw] if twice else [raw])

    async def process(self, limit: int) -> None:
        """The bot hears what was stored, and answers or leaves it to people."""
        parsers = dict.fromkeys(CHANNELS, self._parsed)
        processor = Processor(self.store, parsers, self.clock, SECRET, self._voice)  # type: ignore[arg-type]
        await self.crash(processor.run_once(limit))
        await self._judge_words()

    def _parsed(self, raw: RawInbound) -> list[ChannelEvent]:
        return [self.events[raw.key]]

    async def _voice(self) -> Voice:
        return Voice(await self._live.refresh(self.store), answers=self._flow_answers)  # type: ignore[arg-type]

    async def _judge_words(self) -> None:
        keys = {f"in:{word.key}": word for word in self.to_come}
        async with self.store.read() as connection:
            wanted = select(_MESSAGES).where(_MESSAGES.c.direction == "in", _MESSAGES.c.provider_id.in_(sorted(keys)))
            rows = (await connection.execute(wanted.order_by(_MESSAGES.c.id))).all()
        heard: dict[str, list[Word]] = {}
        with_topics = await self.with_topics()
        for row in rows:
            word = keys[row.provider_id]
            self.to_come.remove(word)
            self._belongs(row, word)
            heard.setdefault(row.conversation_id, []).append(word)
            if row.conversation_id in with_topics:
                self.in_topics.append(word.text)
        said = await self._said_by_the_bot()
        now_there = await self.rows()
        for id_, words in heard.items():
            self._looked_after(id_, words, now_there[id_], said.pop(id_, []))
        assert not said, "the bot talks where nobody wrote"

    def _belongs(self, row: Any, word: Word) -> None:
        assert row.customer_id == self.id_of(word.customer), "a message stands in another customer's thread"
        assert row.body == word.text
        open_ones = [
            id_ for id_, one in self.threads.items()
            if (one.customer, one.verified) == (word.customer, word.verified) and one.owner != NOBODY
        ]  # fmt: skip
        assert open_ones in ([], [row.conversation_id]), "a message stands in another conversation than the open one"
        self.threads.setdefault(row.conversation_id, Thread(word.customer, word.verified))
        thread = self.threads[row.conversation_id]
        assert (thread.customer, thread.verified) == (word.customer, word.verified)

    async def _said_by_the_bot(self) -> dict[str, list[Any]]:
        """What it wrote since the last look, by conversation; the judge notes who had that then."""
        wanted = select(_MESSAGES).where(
            _MESSAGES.c.direction == "out", _MESSAGES.c.campaign_id.is_(None), _MESSAGES.c.conversation_id.is_not(None)
        )
        async with self.store.read() as connection:
            rows = (await connection.execute(wanted.order_by(_MESSAGES.c.id))).all()
        fresh: dict[str, list[Any]] = {}
        for row in rows:
            if row.id not in self.composed and row.id not in self.answers:
                thread = self.threads[row.conversation_id]
                self.composed[row.id] = (thread.hands, thread.answers)
                fresh.setdefault(row.conversation_id, []).append(row)
        return fresh

    def _looked_after(self, id_: str, words: Sequence[Word], row: Any, said: Sequence[Any]) -> None:
        thread, now = self.threads[id_], self.clock.now()
        if thread.live:
            assert all(one.purpose == Purpose.SERVICE for one in said), "the bot writes where a person has it"
            if any(word.kind != "start" for word in words):  # to press Start is to say nothing
                thread.hears(now)
            return
        assert row.state in (S.BOT, S.QUEUED), f"a message left its conversation {row.state}"
        answered = bool(said) or all(word.kind in MAY_BE_SILENT for word in words)
        assert answered or row.state is S.QUEUED, f"nobody answers {[word.text for word in words]}"
        if thread.verified:
            assert not [one for one in said if one.channel not in {word.channel for word in words}]
        else:
            assert all(one.purpose == Purpose.SERVICE for one in said), "a mail that proves nothing is answered"
        if row.state is S.QUEUED:
            thread.queues(now)
            thread.hears(now)
        else:
            thread.owner = BOT

    # the bot's own tick, and the desk's

    async def bot_ticks(self) -> None:
        await self.crash(time_out_runs(self.store, self.clock, answers=self._flow_answers))  # type: ignore[arg-type]
        for id_ in await self._said_by_the_bot():
            assert self.threads[id_].owner == BOT, "a flow talks where the bot has nothing to say"

    async def presence(self, agent: str, how: str) -> None:
        """By their own word, or their browser falls silent."""
        self.present[agent] = how == "here"
        silent = machine_now() - timedelta(minutes=10) if how == "silent" else None
        values = {"presence": Presence.AWAY if how == "away" else Presence.ONLINE, "presence_at": silent}
        async with self.store.write() as connection:
            theirs = _AGENTS.c.id == self.cast.agents[agent]
            await connection.execute(update(_AGENTS).where(theirs).values(**values))

    async def keep(self) -> None:
        """Who waits gets who is free, snoozes end, promises that broke are told."""
        whole = await self.crash(keep_desk(self.store, self.clock)) is not None  # type: ignore[arg-type]
        rows, now = await self.rows(), self.clock.now()
        names = {id_: name for name, id_ in self.cast.agents.items()}
        for id_, thread in self.threads.items():
            row = rows[id_]
            if thread.owner == WAITS and row.state is S.ASSIGNED:
                assert self.present[names[row.agent]], "given to somebody who is not there"
                thread.taken(names[row.agent])
            elif thread.owner == WAITS and row.state is S.BOT:
                alone = self.nobody == "bot" and not any(self.present.values())
                assert alone, "taken from who waits for a person"
                assert thread.queued is not None
                assert now - thread.queued >= timedelta(minutes=10)
                thread.done("return", now)
            elif thread.asleep is not None and row.state is S.ASSIGNED:
                assert thread.asleep <= now, "woken too early"
                thread.asleep = None
            elif thread.owner == BOT and row.state is S.RESOLVED:
                assert now - row.last_at >= timedelta(days=7)
                thread.owner = NOBODY
        if whole:
            await self._kept(now)

    async def _kept(self, now: datetime) -> None:
        loads = dict.fromkeys(AGENTS, 0)
        for thread in self.threads.values():
            if thread.held and thread.asleep is None:
                loads[thread.owner] += 1
            assert thread.asleep is None or thread.asleep > now, "a snooze does not end"
        free = [name for name in AGENTS if self.present[name] and loads[name] < ROOM]
        assert not free or not any(one.owner == WAITS for one in self.threads.values()), "one waits, one is free"
        for id_, thread in self.threads.items():
            if thread.live and thread.asleep is None and thread.unheard and now - thread.unheard > LATE:
                told = select(_EVENTS.c.id).where(
                    _EVENTS.c.conversation_id == id_, _EVENTS.c.event == "PromiseBroken", _EVENTS.c.at > thread.unheard
                )
                async with self.store.read() as connection:
                    assert await connection.scalar(told.limit(1)) is not None, "a promise broke and nobody is told"

    # the campaign, and time

    async def enter(self, customer: int) -> None:
        async with self.store.write() as connection:
            cast, now = self.cast, self.clock.now()
            await enrol_group(connection, cast.campaign, cast.definition, self.config, [self.id_of(customer)], now)

    async def plan(self) -> None:
        await release_held(self.store, self.clock.now())  # type: ignore[arg-type]
        for _ in range(100):
            if not await self.runner.run_once():
                return
        raise AssertionError("the runner finds due journeys for ever")

    async def move(self, by: timedelta) -> None:
        self.clock.advance_to(self.clock.now() + by)

    # what must hold whenever nothing is under way

    async def rows(self) -> dict[str, Any]:
        async with self.store.read() as connection:
            return {row.id: row for row in await connection.execute(select(_CONVERSATIONS))}

    async def check(self) -> None:
        """The store says of every conversation what the judge says."""
        rows = await self.rows()
        assert rows.keys() == self.threads.keys()
        for id_, thread in self.threads.items():
            row = rows[id_]
            states = {BOT: S.BOT, WAITS: S.QUEUED, NOBODY: S.RESOLVED}
            asleep = S.SNOOZED if thread.asleep is not None else S.ASSIGNED
            assert row.state is states.get(thread.owner, asleep), f"{row.state}, and the judge says {thread}"
            assert row.token == thread.hands, f"token {row.token}, and the judge says {thread}"
            assert not thread.held or row.agent == self.cast.agents[thread.owner]
            heard = row.waiting_since is None
            assert heard is (thread.unheard is None), f"waits since {row.waiting_since}, and the judge says {thread}"
