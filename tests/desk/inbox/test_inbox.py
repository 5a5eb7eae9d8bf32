"""The inbox's reading side and what agents do, on both databases."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.handoff import ownership
from bot.handoff.answering import Draft, answer, note
from bot.handoff.ownership import NotYours
from core.actors import SYSTEM
from core.errors import Refused
from core.ids import new_id
from core.machines.conversation import ConversationState
from core.machines.message import MessageState
from core.purposes import Purpose
from desk.customers.card import card_of
from desk.inbox.listing import Filters, View, listed
from desk.inbox.thread import entries
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Conversation, Customer, Identity, Message
from tests.bot.handoff.stage import Desk
from tests.conftest import NOW

S = ConversationState


@pytest.fixture
def desk(store: Store, clock: object) -> Desk:
    return Desk(store, clock)  # type: ignore[arg-type]


async def place(desk: Desk, conversation_id: str, channel: str, address: str, **more: object) -> str:
    customer_id = (await desk.row(conversation_id)).customer_id
    made = Identity(customer_id=customer_id, channel=channel, address=address, key=address, created_at=NOW, **more)
    async with desk.store.write() as connection:
        await connection.execute(table(Identity).insert(), made.model_dump())
    return made.id


async def heard(desk: Desk, conversation_id: str, identity_id: str, channel: str, text: str, **more: object) -> str:
    row = await desk.row(conversation_id)
    said = Message(
        direction="in", state=MessageState.DELIVERED, customer_id=row.customer_id, identity_id=identity_id,
        channel=channel, conversation_id=conversation_id, body=text, created_at=desk.clock.now(), **more,
    )  # fmt: skip
    async with desk.store.write() as connection:
        await connection.execute(table(Message).insert(), said.model_dump())
    return said.id


async def taken(desk: Desk, conversation_id: str, agent: str) -> int:
    async with desk.store.write() as connection:
        return await ownership.take(connection, conversation_id, agent, actor=SYSTEM, now=desk.clock.now())


async def test_thread_holds_every_voice_in_order(desk: Desk) -> None:
    ann = await desk.agent("Ann")
    id_ = await desk.waiting(note="asks")
    mail = await place(desk, id_, "email", "vera@example.org")
    await heard(
        desk, id_, mail, "email", "Where is it?", subject="My parcel", content={"message_id": "<a@example.org>"}
    )
    token = await taken(desk, id_, ann)
    async with desk.store.write() as connection:
        await note(connection, id_, ann, "  be kind ", [], desk.clock.now())
        await answer(connection, id_, ann, token, Draft("k", "On its way."), desk.clock.now())
        await answer(connection, id_, ann, token, Draft("k", "On its way."), desk.clock.now())
    customer_id = (await desk.row(id_)).customer_id
    async with desk.store.read() as connection:
        said = await entries(connection, customer_id)
        page = await entries(connection, customer_id, before=said[-1].id, limit=2)
    assert [(one.voice, one.who, one.text) for one in said] == [
        ("event", "", "asks"), ("customer", "", "Where is it?"), ("event", "", ""), ("note", "Ann", "be kind"),
        ("agent", "Ann", "On its way."),
    ]  # fmt: skip
    assert said[2].detail["agent"] == "Ann"
    assert (said[-1].state, said[-1].channel, said[-1].subject) == (MessageState.PLANNED, "email", "Re: My parcel")
    assert list(page) == list(said[-3:-1])
    async with desk.store.read() as connection:
        content = await connection.scalar(select(table(Message).c.content).where(table(Message).c.direction == "out"))
    assert content["in_reply_to"] == "<a@example.org>"


async def test_a_thread_is_read_on_from_an_entry_without_a_gap(desk: Desk) -> None:
    id_ = await desk.waiting()
    mail = await place(desk, id_, "email", "vera@example.org")
    for number in range(7):
        await heard(desk, id_, mail, "email", str(number))
    customer_id, found = (await desk.row(id_)).customer_id, []
    async with desk.store.read() as connection:
        last = (await entries(connection, customer_id, before="z"))[0].id
        while page := await entries(connection, customer_id, after=last, limit=3):
            found.append([one.text for one in page])
            last = page[-1].id
    assert found == [["0", "1", "2"], ["3", "4", "5"], ["6"]]


async def test_answer_goes_where_it_can(desk: Desk) -> None:
    ann = await desk.agent("Ann")
    id_ = await desk.waiting()
    blocked = await place(desk, id_, "telegram", "55", reachable=False, unreachable_reason="blocked")
    mail = await place(desk, id_, "email", "vera@example.org")
    token = await taken(desk, id_, ann)
    now = desk.clock.now()
    async with desk.store.write() as connection:
        await answer(connection, id_, ann, token, Draft("1", "hello"), now)
    for draft, why in (
        (Draft("2", "hello", blocked), "cannot be reached there: blocked"), (Draft("3", "  "), "nothing to send"),
        (Draft("4", "x" * 20_001), "longer than"), (Draft("5", "hi", new_id()), "not the customer's"),
    ):  # fmt: skip
        with pytest.raises(Refused, match=why):
            async with desk.store.write() as connection:
                await answer(connection, id_, ann, token, draft, now)
    with pytest.raises(NotYours):
        async with desk.store.write() as connection:
            await answer(connection, id_, ann, token + 1, Draft("6", "late"), now)
    async with desk.store.read() as connection:
        rows = (await connection.execute(select(table(Message)))).all()
    assert [(row.identity_id, row.purpose, row.lane) for row in rows] == [(mail, Purpose.CONVERSATION, 0)]


async def test_card_says_where_and_whether(desk: Desk) -> None:
    id_ = await desk.waiting()
    now = desk.clock.now()
    await place(desk, id_, "whatsapp", "+12025550143", window_from=now - timedelta(hours=23))
    await place(desk, id_, "sms", "+12025550144", window_from=now - timedelta(hours=25))
    async with desk.store.read() as connection:
        card = await card_of(connection, (await desk.row(id_)).customer_id, now)
    windows = {one.channel: one.window_until for one in card.places}
    assert windows == {"whatsapp": now + timedelta(hours=1), "sms": None}
    assert (card.orders, card.spent, card.last_order_at) == (0, [], None)


async def test_names_and_owners_stand_in_the_list(desk: Desk) -> None:
    ann = await desk.agent("Ann")
    id_ = await desk.waiting(queue="orders", priority=2)
    await taken(desk, id_, ann)
    customers = table(Customer)
    async with desk.store.write() as connection:
        await connection.execute(customers.update().values(first_name="Vera", last_name="Lind"))
        await connection.execute(table(Conversation).update().values(last_text="hm"))
    async with desk.store.read() as connection:
        (line,) = await listed(connection, Filters(View.MINE), ann)
    assert (line.name, line.agent_name, line.queue, line.priority, line.text) == ("Vera Lind", "Ann", "orders", 2, "hm")
    assert line.late == desk.clock.now() + timedelta(minutes=15)
