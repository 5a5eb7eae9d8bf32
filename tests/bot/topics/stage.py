"""A desk with a group in Telegram, as the group sees it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.context import Context
from bot.topics.hearing import STAFF_WROTE, StaffInTopics, hear
from bot.topics.mirroring import TopicDesk
from campaigns.definition import WorkspaceConfig
from campaigns.live import workspace_config
from campaigns.running.commands import CommandRunner
from channels.telegram.forum import TopicClosed, TopicGone
from core.errors import PermanentFailure, PermanentKind, TransientFailure
from core.ids import new_id
from core.machines.message import MessageState
from core.messages import Attachment, Span, StaffWrote
from core.purposes import Purpose
from core.tokens import Signer
from core.wakeup import LocalWakeup
from storage.outbox.columns import table
from storage.tables import Customer, Identity, Message
from tests.bot.handoff.stage import Desk

GROUP = "-1001234567890"


@dataclass
class Topic:
    name: str
    lines: list[str] = field(default_factory=list)
    closed: bool = False


class Group:
    """Groups of a Telegram that obeys. ``fails`` are raised by the next calls, one each; ``lost``: after the effect."""

    def __init__(self) -> None:
        self.topics: dict[int, Topic] = {}
        self.chats: dict[int, str] = {}
        self.fails: list[Exception] = []
        self.lost: list[Exception] = []
        self.refused: set[str] = set()
        self.calls = 0
        self._threads = 0

    async def create(self, chat: str, name: str) -> int:
        self._begin()
        self._threads += 1
        self.topics[self._threads] = Topic(name)
        self.chats[self._threads] = chat
        self._end()
        return self._threads

    async def say(self, chat: str, thread: int, text: str, spans: Sequence[Span] = ()) -> None:
        topic = self._topic(thread)
        if topic.closed:
            raise TopicClosed
        topic.lines.append(text)
        self._end()

    async def send(self, chat: str, thread: int, file: Attachment) -> None:
        topic = self._topic(thread)
        if topic.closed:
            raise TopicClosed
        if file.name in self.refused:
            raise PermanentFailure(PermanentKind.REJECTED, "Bad Request: nobody likes this file")
        topic.lines.append(f"[{file.media_type} {file.name} {file.content.decode()}]")
        self._end()

    async def close(self, chat: str, thread: int) -> None:
        self._topic(thread).closed = True

    async def reopen(self, chat: str, thread: int) -> None:
        self._topic(thread).closed = False

    def text(self, thread: int = 1) -> str:
        return "\n~\n".join(self.topics[thread].lines)

    def _topic(self, thread: int) -> Topic:
        self._begin()
        if thread not in self.topics:
            raise TopicGone
        return self.topics[thread]

    def _begin(self) -> None:
        self.calls += 1
        if self.fails:
            raise self.fails.pop(0)

    def _end(self) -> None:
        if self.lost:
            raise self.lost.pop(0)


@dataclass(frozen=True)
class Canned:
    name: str
    text: str
    problem: str = ""


class Provider:
    """Keeps what staff sent: bytes by ``remote``; what it has not is gone, ``away`` says that it does not answer."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.away = False

    async def fetch(self, attachment: Attachment) -> bytes:
        if self.away:
            raise TransientFailure("no answer")
        if attachment.remote not in self.kept:
            raise PermanentFailure(PermanentKind.UNSUPPORTED, "it is larger than 20 MB")
        return self.kept[attachment.remote]


class Staffed:
    """A desk, its group, and who keeps them in step."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.group = Group()
        self.time = 0.0
        self.waits: list[float] = []
        self.replies: list[Canned] = []
        self.provider = Provider()
        staff = StaffInTopics(desk.store, desk.clock, LocalWakeup(), self._offers, {"bot": self.provider})
        self.commands = CommandRunner(desk.store, desk.clock, {STAFF_WROTE: staff})
        self.topics = self.mirror()
        self._updates = self._places = 0

    def mirror(self, *groups: str) -> TopicDesk:
        async def turn(_: str, __: int) -> float:
            return self.waits.pop(0) if self.waits else 0.0

        desk = self.desk
        return TopicDesk(desk.store, desk.clock, self.group, groups or (GROUP,), turn, now=lambda: self.time)

    async def in_step(self, rounds: int = 20) -> None:
        for _ in range(rounds):
            if not await self.topics.run_once():
                return
        raise AssertionError("the topics never come to rest")

    async def _offers(
        self, _: AsyncConnection, __: WorkspaceConfig, ___: str, ____: str, _____: datetime
    ) -> Sequence[Canned]:
        return self.replies

    async def customer_writes(self, conversation_id: str, text: str, **more: Any) -> str:
        return await self._message(conversation_id, direction="in", state=MessageState.DELIVERED, body=text, **more)

    async def bot_writes(self, conversation_id: str, text: str, state: MessageState = MessageState.ACCEPTED) -> str:
        return await self._message(conversation_id, state=state, content={"text": text}, lane=0)

    async def _message(self, conversation_id: str, channel: str = "sms", **values: Any) -> str:
        identities = table(Identity)
        now, customer_id = self.desk.clock.now(), str((await self.desk.row(conversation_id)).customer_id)
        async with self.desk.store.write() as connection:
            place = await connection.scalar(select(identities.c.id).where(identities.c.customer_id == customer_id))
            if place is None:
                place, self._places = new_id(), self._places + 1
                made = Identity(
                    id=place, customer_id=customer_id, channel=channel, address=f"+120255501{self._places:02}",
                    key=place, created_at=now,
                )  # fmt: skip
                await connection.execute(identities.insert(), made.model_dump())
            said = Message(
                customer_id=customer_id, identity_id=place, channel=channel, conversation_id=conversation_id,
                purpose=Purpose.CONVERSATION, created_at=now, **values,
            )  # fmt: skip
            await connection.execute(table(Message).insert(), said.model_dump())
        return said.id

    async def named(self, conversation_id: str, first_name: str) -> None:
        row = await self.desk.row(conversation_id)
        customers = table(Customer)
        async with self.desk.store.write() as connection:
            await connection.execute(
                customers.update().where(customers.c.id == row.customer_id).values(first_name=first_name)
            )

    async def staff_writes(
        self, text: str, user: str = "5550177", thread: int = 1, message: str = "", **more: Any
    ) -> str:
        """Somebody writes, or changes ``message``; gives the message's id."""
        self._updates += 1
        number = message or str(self._updates)
        event = StaffWrote("bot", str(self._updates), GROUP, thread, number, user, "Olga", text, **more)
        signer = Signer("secret", "test")
        async with self.desk.store.write() as connection:
            config, now = await workspace_config(connection), self.desk.clock.now()
            await hear(connection, event, Context(config, now, now, signer, signer, signer))
        await self.commands.run_once()
        return number

    async def sent(self) -> list[str]:
        """What people of ours wrote to customers."""
        messages = table(Message)
        async with self.desk.store.read() as connection:
            found = select(messages.c.content).where(messages.c.client_token.is_not(None)).order_by(messages.c.id)
            return [content["text"] for content in await connection.scalars(found)]
