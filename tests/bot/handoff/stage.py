"""A desk in a store: customers who wait and agents who answer."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from bot.handoff import ownership
from bot.handoff.ownership import Request
from bot.handoff.promises import Promise
from campaigns.definition import Brand, WorkspaceConfig
from core.actors import Actor
from core.agents import Presence
from core.clock import VirtualClock
from core.ids import new_id
from core.machines.conversation import ConversationState
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Agent, Conversation, ConversationEvent, Customer, Setting

CUSTOMER = Actor("customer", "c")


@dataclass
class Desk:
    """The store and its clock, and what tests do with them."""

    store: Store
    clock: VirtualClock

    async def configured(self, **desk: Any) -> None:
        """The workspace's live configuration, with these words on the desk."""
        config = WorkspaceConfig.model_validate({"brand": Brand(name="Lantern Books"), "desk": desk})
        value = config.model_dump(mode="json")
        async with self.store.write() as connection:
            await connection.execute(
                table(Setting).insert().values(name="workspace", value=value, updated_at=self.clock.now())
            )

    async def agent(self, name: str, presence: Presence = Presence.ONLINE, **more: Any) -> str:
        made = Agent(
            name=name, email=f"{name}@example.com", presence=presence, created_at=self.clock.now(), **more
        )  # fmt: skip
        async with self.store.write() as connection:
            await connection.execute(table(Agent).insert(), made.model_dump())
        return made.id

    async def conversation(self, state: ConversationState = ConversationState.BOT, **more: Any) -> str:
        now = self.clock.now()
        customer = Customer(created_at=now, updated_at=now)
        made = Conversation(customer_id=customer.id, state=state, opened_at=now, last_at=now, **more)
        async with self.store.write() as connection:
            await connection.execute(table(Customer).insert(), customer.model_dump())
            await connection.execute(table(Conversation).insert(), made.model_dump())
        return made.id

    async def waiting(self, answer: timedelta = timedelta(minutes=15), id_: str | None = None, **request: Any) -> str:
        """A customer who asked for a person just now."""
        id_ = await self.conversation(id=id_ or new_id())
        now = self.clock.now()
        promise = Promise(now + answer, now + timedelta(hours=8))
        async with self.store.write() as connection:
            assert await ownership.queue(connection, id_, Request("asked", **request), promise, actor=CUSTOMER, now=now)
        return id_

    async def row(self, conversation_id: str) -> Any:
        rows = table(Conversation)
        async with self.store.read() as connection:
            return (await connection.execute(select(rows).where(rows.c.id == conversation_id))).one()

    async def story(self, conversation_id: str) -> list[str]:
        """The conversation's events in their order."""
        events = table(ConversationEvent)
        async with self.store.read() as connection:
            found = select(events.c.event).where(events.c.conversation_id == conversation_id).order_by(events.c.id)
            return list(await connection.scalars(found))

    def later(self, **how: float) -> datetime:
        """Let business time pass; gives the new now."""
        self.clock.advance_to(self.clock.now() + timedelta(**how))
        return self.clock.now()
