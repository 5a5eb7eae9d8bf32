"""A customer with a past, and a desk before them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.routing import Mount

from core.actors import SYSTEM
from core.addresses import identity_key
from core.agents import Role
from core.clock import VirtualClock, machine_now
from core.machines.message import MessageState
from core.messages import Address
from core.wakeup import LocalWakeup
from desk.access import sessions
from desk.access.agents import add_agent
from desk.application import desk_application
from desk.guard import COOKIE
from desk.live.feed import Feed
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import (
    Audit,
    Consent,
    Conversation,
    ConversationEvent,
    Customer,
    Event,
    Grant,
    Identity,
    Message,
)

Enter = Callable[..., Awaitable[httpx.AsyncClient]]


@dataclass
class Town:
    """The store, its clock, and how people come into it."""

    store: Store
    clock: VirtualClock

    async def put(self, *rows: Any) -> None:
        async with self.store.write() as connection:
            for row in rows:
                await connection.execute(table(type(row)).insert(), row.model_dump())

    async def rows(self, model: Any, *conditions: Any) -> list[Any]:
        async with self.store.read() as connection:
            return list((await connection.execute(select(table(model)).where(*conditions))).all())

    async def somebody(self, **fields: Any) -> Customer:
        now = self.clock.now()
        made = Customer(created_at=now - timedelta(days=30), updated_at=now, **fields)
        await self.put(made)
        return made

    async def place(self, who: Customer, channel: str, address: str, **more: Any) -> Identity:
        key = identity_key(Address(channel, address))
        made = Identity(
            customer_id=who.id, channel=channel, address=address, key=key, created_at=self.clock.now(), **more
        )
        await self.put(made)
        return made

    async def vera(self) -> Customer:
        """Somebody of whom there is one of nearly everything, each on a day of its own."""
        now = self.clock.now()
        who = await self.somebody(
            first_name="Vera", last_name="Lind", external_id="1017", city="Riga", zone="Asia/Tehran", locale="ru",
            search="vera lind", attributes={"vip": True},
        )  # fmt: skip
        mail = await self.place(who, "email", "vera@example.org", verified=True)
        phone = await self.place(
            who, "sms", "+12025550143", reachable=False, unreachable_reason="opted_out", verified=True
        )
        chat = Conversation(customer_id=who.id, opened_at=now, last_at=now, channel="email")

        def at(days: int) -> datetime:
            return now - timedelta(days=days)

        await self.put(
            chat,
            Message(direction="in", state=MessageState.DELIVERED, customer_id=who.id, identity_id=mail.id,
                    channel="email", conversation_id=chat.id, body="Where is my lantern?", created_at=at(1)),
            Message(customer_id=who.id, identity_id=mail.id, channel="email", conversation_id=chat.id,
                    state=MessageState.FAILED, reason="mailbox full", client_token="agent:x:1",
                    content={"text": "On its way"}, created_at=at(9), sent_at=at(2)),
            Event(customer_id=who.id, name="order", at=at(3), amount_micros=25_000_000, currency="EUR", source="shop",
                  external_id="o1", recorded_at=now),
            Event(customer_id=who.id, name="points_given", at=at(3), source="otklik", external_id="p1",
                  recorded_at=now, properties={"points": 40}),
            ConversationEvent(conversation_id=chat.id, customer_id=who.id, at=at(4), actor="system",
                              event="NoteAdded", text="likes poems"),
            Consent(identity_id=mail.id, purpose="marketing", granted=True, at=at(5), source="shop", wording="Yes!"),
            Audit(at=at(6), actor="operator:ann", action="preferences", subject="customer", subject_id=who.id),
            Grant(customer_id=who.id, product="lantern", offer="winter", code="W-1", granted_at=at(7)),
        )  # fmt: skip
        assert phone.id
        return who


@pytest.fixture
def town(store: Store, clock: VirtualClock) -> Town:
    return Town(store, clock)


@pytest.fixture
async def enter(town: Town) -> AsyncIterator[Enter]:
    """Signs somebody in: ``await enter(Role.MARKETER, locale="fa")`` gives a client of the desk."""
    wakeup = LocalWakeup()
    application = desk_application(
        town.store, town.clock, wakeup, Feed(town.store, wakeup), secret="s" * 40, public_url="http://desk.example.com"
    )
    mounted = Starlette(routes=[Mount("/desk", application)])
    opened: list[httpx.AsyncClient] = []

    async def entered(role: Role = Role.AGENT, locale: str = "en") -> httpx.AsyncClient:
        async with town.store.write() as connection:
            id_ = await add_agent(
                connection, f"{role}-{locale}@example.com", "Ann Stone", actor=SYSTEM, now=machine_now(),
                locale=locale, role=role,
            )  # fmt: skip
            token = await sessions.open_session(connection, id_, "a test", machine_now())
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(mounted), base_url="http://desk.example.com", cookies={COOKIE: token},
            headers={"sec-fetch-site": "same-origin"},
        )  # fmt: skip
        opened.append(client)
        return client

    yield entered
    for client in opened:
        await client.aclose()
