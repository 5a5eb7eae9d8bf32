"""The two desks: agents at web pages that may be stale, and in the topics of a Telegram group."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from bot.handoff import ownership
from bot.handoff.answering import Draft, answer, note
from bot.handoff.ending import end_chat
from bot.handoff.ownership import NotYours
from bot.topics.hearing import STAFF_WROTE, StaffInTopics
from bot.topics.mirroring import TopicDesk
from campaigns.definition import WorkspaceConfig
from campaigns.running.commands import CommandRunner
from core.actors import Actor
from core.clock import VirtualClock
from core.errors import Refused
from core.machines.message import MessageState
from core.messages import TELEGRAM, StaffWrote
from core.transitions import IllegalTransition
from core.wakeup import LocalWakeup
from desk.inbox.passing import transfer
from storage.outbox.columns import table
from storage.tables import Command, DeskTopic, Message
from tests.bot.machine.judge import NOBODY, Thread
from tests.bot.machine.stage import USERS, Cast, Cuttable
from tests.bot.topics.stage import GROUP, Group

_MESSAGES, _COMMANDS, _TOPICS = table(Message), table(Command), table(DeskTopic)
HOUR = timedelta(hours=1)
ROUNDS = 200


class Desks:
    """The half of the world where people of ours work."""

    store: Cuttable
    clock: VirtualClock
    cast: Cast
    config: WorkspaceConfig
    threads: dict[str, Thread]
    group: Group
    in_topics: list[str]

    def open_the_desks(self) -> None:
        self.answers: dict[str, str] = {}
        self.refused_texts: set[str] = set()
        self.pages: dict[tuple[str, str], tuple[int, int]] = {}
        self.sent_before: list[tuple[str, str, str, str]] = []
        self.commands = CommandRunner(
            self.store,
            self.clock,
            {STAFF_WROTE: StaffInTopics(self.store, self.clock, LocalWakeup(), _no_canned)},  # type: ignore[arg-type]
        )
        self.topics = self._topic_desk()

    def _topic_desk(self) -> TopicDesk:
        store: Any = self.store
        return TopicDesk(store, self.clock, self.group, (GROUP,), _at_once, now=lambda: self.clock.now().timestamp())

    # the web

    async def look(self, agent: str, id_: str) -> None:
        """The agent's page shows the conversation as it is now."""
        row = (await self.rows())[id_]
        self.pages[agent, id_] = (row.token, self.threads[id_].hands)

    async def _page(self, agent: str, id_: str) -> tuple[int, bool]:
        """The token that the page holds, and whether what it shows is still true."""
        if (agent, id_) not in self.pages:
            await self.look(agent, id_)
        token, hands = self.pages[agent, id_]
        return token, hands == self.threads[id_].hands

    async def act(self, agent: str, id_: str, what: str, to: str = "") -> None:
        """One press on the page. ``to`` is where a transfer goes: a colleague, or a queue."""
        thread, now = self.threads[id_], self.clock.now()
        token, fresh = await self._page(agent, id_)
        foretold = {
            "take": thread.may_take(agent, fresh=fresh),
            "note": True,
            "transfer": fresh and (thread.held or to in self.cast.agents),
        }.get(what, (fresh or thread.owner == agent) and thread.may(what))
        done = await self.crash(self._try(self._press(agent, id_, what, to, token)))
        if done is None:
            return
        assert done is foretold, f"{agent}'s {what} {to} {'is done' if done else 'is refused'}: {thread}"
        if not done:
            return
        if what == "take" or to in self.cast.agents:
            thread.taken(to or agent)
        elif what == "transfer":
            thread.done("leave", now)
        elif what != "note":
            thread.done(what, now, now + HOUR)
            await self._asks_how_it_was(id_)

    async def _press(self, agent: str, id_: str, what: str, to: str, token: int) -> None:
        me, now = self.cast.agents[agent], self.clock.now()
        by: dict[str, Any] = {"actor": Actor("agent", me), "now": now}
        async with self.store.write() as connection:
            match what:
                case "take":
                    await ownership.take(connection, id_, me, over=token, **by)
                case "note":
                    await note(connection, id_, me, "seen", [], now)
                case "transfer":
                    colleague = self.cast.agents.get(to)
                    goal = f"agent:{colleague}" if colleague else "queue:main"
                    await transfer(connection, id_, goal, token, self.config, **by)
                case "leave":
                    await ownership.leave(connection, id_, over=token, **by)
                case "return":
                    await ownership.give_back(connection, id_, over=token, **by)
                case "snooze":
                    await ownership.snooze(connection, id_, now + HOUR, over=token, **by)
                case "resolve":
                    await end_chat(connection, id_, me, self.config, now, over=token)

    async def _asks_how_it_was(self, id_: str) -> None:
        """What the bot says when an agent has done something: only to whom it was with, and only when it is over."""
        said = await self._said_by_the_bot()
        assert said.keys() <= ({id_} if self.threads[id_].owner == NOBODY else set()), "the bot talks for an agent"

    async def _try(self, what: Any) -> bool:
        try:
            await what
        except (NotYours, IllegalTransition, Refused):
            return False
        return True

    async def write(self, agent: str, id_: str, channel: str) -> None:
        """An answer from the page; ``channel`` empty: where the customer wrote last."""
        number = self.next()
        place = self.cast.people[self.threads[id_].customer].places.get(channel, "")
        await self._send(agent, id_, f"draft{number}", f"Answer {number} by {agent}", place)

    async def press_send_again(self, which: int) -> None:
        """The page had no answer from us, or its reader none from the page."""
        if self.sent_before:
            agent, id_, key, text = self.sent_before[-which:][0]
            await self._send(agent, id_, key, text, "")

    async def _send(self, agent: str, id_: str, key: str, text: str, place: str) -> None:
        thread = self.threads[id_]
        token, fresh = await self._page(agent, id_)
        again = text in self.answers.values()
        foretold = again or thread.may_write(agent, fresh=fresh)
        if (agent, id_, key, text) not in self.sent_before:
            self.sent_before.append((agent, id_, key, text))
        done = await self.crash(self._try(self._answer(agent, id_, token, Draft(key, text, place))))
        if done is None:
            return
        assert done is foretold, f"{agent}'s answer {'is sent' if done else 'is refused'}: {thread}"
        if not done:
            self.refused_texts.add(text)
        elif not again:
            self.refused_texts.discard(text)
            thread.answered()
            await self._note_answer(id_, text)
            if id_ in await self.with_topics():
                self.in_topics.append(text)

    async def _answer(self, agent: str, id_: str, token: int, draft: Draft) -> None:
        async with self.store.write() as connection:
            await answer(connection, id_, self.cast.agents[agent], token, draft, self.clock.now())

    async def _note_answer(self, id_: str, text: str) -> None:
        theirs = (_MESSAGES.c.conversation_id == id_, _MESSAGES.c.direction == "out")
        async with self.store.read() as connection:
            rows = (await connection.execute(select(_MESSAGES).where(*theirs))).all()
        found = [row.id for row in rows if row.content["text"] == text]
        assert len(found) == 1, f"{len(found)} messages say {text!r}"
        self.answers[found[0]] = text

    # the group in Telegram

    async def mirror(self, trouble: Exception | None) -> None:
        """The topics hear what is new."""
        if trouble is not None:
            self.group.lost = [trouble]
        if await self.crash(self.topics.run_once()) is None:
            self.topics = self._topic_desk()
        self.group.lost = []

    async def in_step(self) -> None:
        """Whoever died with a topic had it for three minutes; then the topics have everything, and rest."""
        async with self.store.write() as connection:
            await connection.execute(update(_TOPICS).values(busy_until=None))
        self.topics = self._topic_desk()
        for _ in range(ROUNDS):
            if not await self.topics.run_once():
                break
        else:
            raise AssertionError("the topics never come to rest")
        stands = "\n".join(line for topic in self.group.topics.values() for line in topic.lines)
        rows = await self.states()
        never_left = {text for id_, text in self.answers.items() if rows[id_].state is MessageState.SKIPPED}
        for text in self.in_topics:
            assert text in never_left or text in stands, f"{text!r} stands in no topic"

    async def in_topic(self, agent: str, id_: str, text: str) -> None:
        """Staff write in the conversation's topic, where it has one; an empty ``text`` is an answer."""
        thread = (await self.with_topics()).get(id_)
        if thread is None:
            return
        number = self.next()
        said = text or f"Answer {number} by {agent} in the topic"
        event = StaffWrote(TELEGRAM, f"s{number}", GROUP, thread, str(number), USERS[agent], agent, said)
        await self._delivered(TELEGRAM, event)

    async def with_topics(self) -> dict[str, int]:
        """Conversations that have a topic, with its thread."""
        made = select(_TOPICS.c.conversation_id, _TOPICS.c.thread_id).where(_TOPICS.c.thread_id.is_not(None))
        async with self.store.read() as connection:
            return {row.conversation_id: row.thread_id for row in await connection.execute(made)}

    async def carry_out(self) -> None:
        """What staff wrote is done, in order."""
        open_now = select(_COMMANDS).where(_COMMANDS.c.done_at.is_(None)).order_by(_COMMANDS.c.id)
        async with self.store.whole.write() as connection:  # whoever died with one had it for two minutes
            await connection.execute(update(_COMMANDS).values(retry_at=None))
            orders = (await connection.execute(open_now)).all()
        await self.crash(self.commands.run_once())
        async with self.store.read() as connection:
            left = {row.id for row in await connection.execute(open_now)}
        over: set[str] = set()
        for order in orders:
            if order.id not in left and await self._judge_order(order.payload):
                over.add(order.payload["conversation_id"])
        assert (await self._said_by_the_bot()).keys() <= over, "the bot talks for an agent"

    async def _judge_order(self, said: Any) -> bool:
        """Tell the judge; whether the order ended the chat, so that the bot may ask how it was."""
        id_, text, now = said["conversation_id"], said["text"], self.clock.now()
        thread = self.threads[id_]
        agent = next(name for name, user in USERS.items() if user == said["user"])
        match text:
            case "/take":
                thread.taken(agent)
            case "/return" | "/resolve" | "/snooze 1h":
                what = text[1:].partition(" ")[0]
                if thread.may(what):
                    thread.done(what, now, now + HOUR)
                    return what == "resolve"
            case _ if thread.held and thread.owner != agent:
                self.refused_texts.add(text)
            case _:
                thread.taken(agent)
                thread.answered()
                await self._note_answer(id_, text)
        return False


async def _no_canned(*_: Any) -> list[Any]:
    return []


async def _at_once(_: str, __: int) -> float:
    return 0.0
