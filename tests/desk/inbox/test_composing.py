"""What helps an agent to write: canned replies for this customer, and what an SMS comes to."""

import pytest
from sqlalchemy import select, update

from campaigns.definition import Brand, WorkspaceConfig
from campaigns.limits.prices import PriceList
from core.actors import SYSTEM
from core.errors import Refused
from core.ids import new_id
from desk.canned.replies import Reply, keep, kept, offered, problem_of, remove
from desk.inbox.measuring import measured
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Audit, Customer
from tests.bot.handoff.stage import Desk
from tests.conftest import NOW
from tests.desk.inbox.test_inbox import place

SHOP = WorkspaceConfig.model_validate(
    {"brand": Brand(name="Lantern Books"), "currency": "EUR",
     "channels": {"sms": {"price": "0.05", "prices": {"DE": "0.08"}}}}
)  # fmt: skip


@pytest.fixture
def desk(store: Store, clock: object) -> Desk:
    return Desk(store, clock)  # type: ignore[arg-type]


async def reply(desk: Desk, name: str, text: str, locale: str = "", id_: str = "") -> str:
    async with desk.store.write() as connection:
        return await keep(connection, Reply(id_, name, locale, text), actor=SYSTEM, now=NOW)


async def customer(desk: Desk, **values: object) -> str:
    id_ = str((await desk.row(await desk.conversation())).customer_id)
    async with desk.store.write() as connection:
        await connection.execute(update(table(Customer)).where(table(Customer).c.id == id_).values(**values))
    return id_


async def test_replies_are_filled_in_and_the_customers_language_is_first(desk: Desk) -> None:
    await reply(desk, "thanks", "Thank you, {{ customer.first_name }}!", "en")
    await reply(desk, "hours", "10:00–18:00")
    await reply(desk, "/Thanks", "Спасибо, {{ customer.first_name }}! {{ brand.name }}", "ru")
    vera = await customer(desk, first_name="Вера", locale="ru-RU")
    async with desk.store.read() as connection:
        found = await offered(connection, SHOP, vera, "", NOW)
        english = await offered(connection, SHOP, vera, "en", NOW)
    assert [(one.name, one.locale, one.text) for one in found] == [
        ("thanks", "ru", "Спасибо, Вера! Lantern Books"), ("hours", "", "10:00–18:00"),
        ("thanks", "en", "Thank you, Вера!"),
    ]  # fmt: skip
    assert english[0].locale == "en", "the conversation's language is before the customer's"


async def test_what_cannot_be_filled_in_says_why(desk: Desk) -> None:
    await reply(desk, "sum", "{{ orders.count / 0 }}")
    vera = await customer(desk, first_name="Vera")
    async with desk.store.read() as connection:
        found = await offered(connection, SHOP, vera, "", NOW)
    assert found[0].text == ""
    assert "ZeroDivision" in found[0].problem


async def test_names_are_one_a_language(desk: Desk) -> None:
    id_ = await reply(desk, "late", "Sorry", "en")
    await reply(desk, "late", "Very sorry", "en", id_)
    with pytest.raises(Refused, match="already"):
        await reply(desk, "late", "Again", "en")
    for name, locale in (("two words", "en"), ("late", "no locale"), ("", "")):
        with pytest.raises(Refused, match=r"name|locale"):
            await reply(desk, name, "text", locale)
    async with desk.store.write() as connection:
        assert [one.text for one in await kept(connection)] == ["Very sorry"]
        await remove(connection, id_, actor=SYSTEM, now=NOW)
        await remove(connection, new_id(), actor=SYSTEM, now=NOW)
        assert list(await kept(connection)) == []
        acts = list(await connection.scalars(select(table(Audit).c.action).order_by(table(Audit).c.id)))
    assert acts == ["keep", "keep", "remove"]


@pytest.mark.parametrize(
    ("text", "why"),
    [("", "nothing"), ("x" * 5001, "longer"), ("{{ customer.nme }}", "customer.nme"), ("{{ offer.code }}", "offer"),
     ("{{ orders.last.number }}", "orders.last"), ("{% if %}", "line 1"), ("{{ customer.__class__ }}", "line 1")],
)  # fmt: skip
def test_broken_texts_are_refused(text: str, why: str) -> None:
    assert why in problem_of(text)
    assert problem_of("Hello {{ customer.first_name }}, you have {{ orders.count }} orders") == ""


async def test_sms_are_counted_and_priced(desk: Desk) -> None:
    id_ = await desk.conversation()
    phone, mail = await place(desk, id_, "sms", "+12025550144"), await place(desk, id_, "email", "v@example.org")
    async with desk.store.write() as connection:
        await connection.execute(update(table(Customer)).values(country="DE"))
    prices = PriceList.of(SHOP, NOW)
    async with desk.store.read() as connection:
        short = await measured(connection, prices, phone, "hi")
        long = await measured(connection, prices, phone, "п" * 71)
        assert short is not None
        assert long is not None
        assert (short.parts, str(short.price), long.parts, str(long.price)) == (1, "0.08 EUR", 2, "0.16 EUR")
        assert await measured(connection, prices, mail, "hi") is None
        free = PriceList.of(WorkspaceConfig(brand=Brand(name="Free")), NOW)
        unpriced = await measured(connection, free, phone, "hi")
    assert unpriced is not None
    assert unpriced.price is None
