"""Looking for somebody by what an agent knows of them."""

import pytest
from sqlalchemy import update

from core.ids import new_id
from core.text import folded
from desk.search.finding import search
from desk.search.indexing import SearchIndex
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Conversation, Customer
from tests.bot.handoff.stage import Desk
from tests.conftest import NOW
from tests.desk.inbox.test_inbox import heard, place


@pytest.fixture
def desk(store: Store, clock: object) -> Desk:
    return Desk(store, clock)  # type: ignore[arg-type]


async def somebody(desk: Desk, first: str, last: str, text: str = "", number: str | None = None) -> str:
    id_ = await desk.conversation()
    customer_id = (await desk.row(id_)).customer_id
    names = {"first_name": first, "last_name": last, "search": folded(f"{first} {last}"), "external_id": number}
    async with desk.store.write() as connection:
        await connection.execute(update(table(Customer)).where(table(Customer).c.id == customer_id).values(**names))
    if text:
        await said(desk, id_, text)
    return id_


async def said(desk: Desk, id_: str, *texts: str) -> list[str]:
    """The customer's words, in the index."""
    chat = await place(desk, id_, "webchat", f"visitor-{new_id().upper()}")  # no part of it is what a test looks for
    ids = [await heard(desk, id_, chat, "webchat", text) for text in texts]
    await SearchIndex(desk.store).run_once()
    return ids


async def found(desk: Desk, asked: str) -> set[str]:
    async with desk.store.read() as connection:
        return {line.id for line in (await search(connection, asked)).lines}


async def test_everybody_is_found_by_what_is_known(desk: Desk) -> None:
    vera = await somebody(desk, "Вера", "Пётрова", "Где мой заказ? Ещё идёт?", "V-17")
    reza = await somebody(desk, "علي", "كريمي", "50% off, می‌خواهم ۱۲ تا")
    phone = await place(desk, vera, "sms", "+12025550143")
    await place(desk, reza, "email", "reza_k@example.org")
    assert phone
    for asked, expected in (
        ("петр", {vera}), ("вера ПЁТРОВА", {vera}), ("Петрова вера", {vera}), ("علی", {reza}), ("کریمی", {reza}),
        ("+1 (202) 555-0143", {vera}), ("5550143", {vera}), ("REZA_K@", {reza}), ("v-17", {vera}),
        ("Заказ", {vera}), ("где", {vera}), ("еще", {vera}), ("ЕЩЁ где", {vera}), ("идет?", {vera}), ("аказ", set()),
        ("50%", {reza}), ("12 تا", {reza}), ("مي‌خواهم", {reza}), ("خواهم می", {reza}), ("5_%", set()),
        (vera, {vera}), ("v", set()), ("  ", set()), ("% _ *", set()), ("вера сидорова", set()),
        ("ali' OR 1=1", set()), ('заказ" OR "', set()), ("где NOT заказ", set()), ("заказ:*", {vera}),
        ("text:заказ", set()), ("за\x00каз", {vera}),
    ):  # fmt: skip
        assert await found(desk, asked) == expected, asked


async def test_customers_who_never_wrote_are_found_too(desk: Desk) -> None:
    silent = Customer(first_name="Ann", search="ann", external_id="A1", created_at=NOW, updated_at=NOW)
    async with desk.store.write() as connection:
        await connection.execute(table(Customer).insert(), silent.model_dump())
    known = await somebody(desk, "Annabel", "Lee")
    async with desk.store.read() as connection:
        told = await search(connection, "ann")
    assert [line.id for line in told.lines] == [known]
    assert [(one.name, one.external_id) for one in told.people] == [("Ann", "A1")]


async def test_who_is_meant_goes_before_who_is_mentioned(desk: Desk) -> None:
    vera = await somebody(desk, "Vera", "Stone")
    async with desk.store.write() as connection:
        await connection.execute(update(table(Conversation)).values(last_at=NOW))
    desk.later(hours=1)
    friend = await somebody(desk, "Bob", "Lamb", "hello from Vera")
    async with desk.store.read() as connection:
        assert [line.id for line in (await search(connection, "vera")).lines] == [vera, friend]
