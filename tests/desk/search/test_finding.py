"""Looking for somebody by what an agent knows of them."""

import pytest
from sqlalchemy import update

from core.text import folded
from desk.search.finding import search
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Conversation, Customer
from tests.bot.handoff.stage import Desk
from tests.conftest import NOW
from tests.desk.inbox.test_inbox import place


@pytest.fixture
def desk(store: Store, clock: object) -> Desk:
    return Desk(store, clock)  # type: ignore[arg-type]


async def somebody(desk: Desk, first: str, last: str, text: str = "", number: str | None = None) -> str:
    id_ = await desk.conversation(last_text=text)
    customer_id = (await desk.row(id_)).customer_id
    names = {"first_name": first, "last_name": last, "search": folded(f"{first} {last}"), "external_id": number}
    async with desk.store.write() as connection:
        await connection.execute(update(table(Customer)).where(table(Customer).c.id == customer_id).values(**names))
    return id_


async def test_everybody_is_found_by_what_is_known(desk: Desk) -> None:
    vera = await somebody(desk, "Вера", "Петрова", "Где мой заказ?", "V-17")
    reza = await somebody(desk, "علي", "كريمي", "50% off")
    phone = await place(desk, vera, "sms", "+12025550143")
    await place(desk, reza, "email", "reza_k@example.org")
    assert phone
    async with desk.store.read() as connection:
        for asked, expected in (
            ("петр", {vera}), ("вера ПЕТРОВА", {vera}), ("Петрова вера", {vera}), ("علی", {reza}), ("کریمی", {reza}),
            ("+1 (202) 555-0143", {vera}), ("5550143", {vera}), ("REZA_K@", {reza}), ("v-17", {vera}),
            ("Заказ", {vera}), ("где", {vera}), ("50%", {reza}), ("5_%", set()), (vera, {vera}), ("v", set()),
            ("  ", set()), ("вера сидорова", set()), ("ali' OR 1=1", set()),
        ):  # fmt: skip
            found = await search(connection, asked)
            assert {line.id for line in found.lines} == expected, asked


async def test_customers_who_never_wrote_are_found_too(desk: Desk) -> None:
    silent = Customer(first_name="Ann", search="ann", external_id="A1", created_at=NOW, updated_at=NOW)
    async with desk.store.write() as connection:
        await connection.execute(table(Customer).insert(), silent.model_dump())
    known = await somebody(desk, "Annabel", "Lee")
    async with desk.store.read() as connection:
        found = await search(connection, "ann")
    assert [line.id for line in found.lines] == [known]
    assert [(one.name, one.external_id) for one in found.people] == [("Ann", "A1")]


async def test_who_is_meant_goes_before_who_is_mentioned(desk: Desk) -> None:
    vera = await somebody(desk, "Vera", "Stone")
    async with desk.store.write() as connection:
        await connection.execute(update(table(Conversation)).values(last_at=NOW))
    desk.later(hours=1)
    friend = await somebody(desk, "Bob", "Lamb", "hello from Vera")
    async with desk.store.read() as connection:
        assert [line.id for line in (await search(connection, "vera")).lines] == [vera, friend]
