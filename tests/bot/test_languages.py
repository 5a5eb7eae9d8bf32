"""The language that a message is in, the one that a customer is known by, and where they are."""

from typing import Any

import pytest
from sqlalchemy import update

from bot.languages import language_of_text, learnt
from bot.learning import learn_language, learn_zone, set_language, zone_of
from bot.routing import handle
from core.messages import Address
from storage.outbox.columns import table
from storage.tables import Customer
from tests.bot.scene import Scene, written
from tests.conftest import NOW

RU, EN, FA = "Здравствуйте, где мой заказ?", "Hello, where is my order?", "سلام، سفارش من کجاست؟"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (EN, "en"), (RU, "ru"), (FA, "fa"),
        ("when do you open please", "en"), ("I'd like to return it", "en"), ("спасибо", "ru"),
        ("Когда доставка?", "ru"),
        ("Доброго дня! Коли буде доставка?", "uk"), ("дякую", "uk"), ("مرحبا، متى يصل الطلب؟", "ar"), ("ممنون", "fa"),
        ("Hallo, wann kommt meine Bestellung?", "de"), ("Bonjour, je voudrais le catalogue", "fr"),
        ("Hola, ¿dónde está mi pedido?", "es"), ("Ciao, vorrei sapere quando arriva", "it"),
        ("Olá, quero saber quando chega", "pt"), ("Merhaba, sipariş ne zaman gelir?", "tr"),
        ("שלום, איפה ההזמנה", "he"),
        ("注文はどこですか", "ja"), ("我的订单在哪里", "zh"),
        ("ok", ""), ("OK!", ""), ("Anna Petrova", ""), ("👍", ""), ("", ""), ("12345", ""),
        ("https://example.com/the/order", ""),
        ("anna@example.org", ""), ("+7 900 000-00-00", ""), ("iPhone 15 Pro", ""),
    ],
)  # fmt: skip
def test_the_language_of_a_text(text: str, language: str) -> None:
    assert language_of_text(text) == language


@pytest.mark.parametrize(
    ("locale", "by", "texts", "now"),
    [
        ("", "", [RU], "ru"),
        ("", "", ["ok"], None),
        ("ru", "", [RU], None),
        ("ru-RU", "", [RU, RU, RU], None),
        ("en", "", [RU], None),
        ("en", "", [RU, RU, EN], None),
        ("en", "", [RU, RU, RU, EN], "ru"),
        ("en", "", [RU, "ok", RU, "👍", RU], "ru"),
        ("en", "detected", [FA, FA, FA], "fa"),
        ("en", "agent", [RU, RU, RU], None),
        ("", "agent", [RU], None),
        ("en", "", [], None),
    ],
)
def test_three_in_a_row_change_a_language(locale: str, by: str, texts: list[str], now: str | None) -> None:
    assert learnt(locale, by, map(language_of_text, texts)) == now


async def say(scene: Scene, sender: Address, *texts: str) -> list[str | None]:
    told = []
    for text in texts:
        async with scene.store.write() as connection:
            customer_id = await handle(connection, written(sender, text), scene.context())
            assert customer_id is not None
            told.append(await learn_language(connection, customer_id, text, NOW))
    return told


async def test_it_is_remembered(scene: Scene) -> None:
    anna, boris, clara = [await scene.person(locale=locale) for locale in ("", "en", "en")]
    assert await say(scene, anna.telegram, "ok", RU, EN) == [None, "ru", None]
    assert await say(scene, boris.telegram, RU, EN, RU, RU, RU) == [None, None, None, None, "ru"]
    async with scene.store.write() as connection:
        await set_language(connection, clara.id, "fa", NOW)
    assert await say(scene, clara.telegram, RU, RU, RU) == [None] * 3
    kept = {row.id: (row.locale, row.locale_by) for row in await scene.all(Customer)}
    assert kept == {anna.id: ("ru", "detected"), boris.id: ("ru", "detected"), clara.id: ("fa", "agent")}


@pytest.mark.parametrize(
    ("address", "zone"),
    [
        (Address("sms", "+447700900123"), "Europe/London"),
        (Address("whatsapp", "+989120000000"), "Asia/Tehran"),
        (Address("sms", "+12025550100"), ""),
        (Address("telegram", "700"), ""),
        (Address("whatsapp", "scoped-id"), ""),
    ],
)
def test_a_number_may_tell_the_zone(address: Address, zone: str) -> None:
    assert zone_of(address) == zone


async def test_the_zone_is_learnt_as_a_guess(scene: Scene) -> None:
    anna = await scene.person()
    customers = table(Customer)

    async def learn(**given: Any) -> str | None:
        async with scene.store.write() as connection:
            return await learn_zone(connection, anna.id, NOW, **given)

    assert await learn(address=Address("telegram", "700")) is None
    assert await learn(address=Address("sms", "+989120000000")) == "Asia/Tehran"
    assert await learn(address=Address("sms", "+447700900123")) is None  # the first number stays
    assert await learn(browser="Europe/Berlin") == "Europe/Berlin"
    assert await learn(browser="Europe/Berlin") is None
    assert await learn(browser="../../etc/passwd") is None
    assert await learn(browser="Mars/Olympus") is None
    async with scene.store.write() as connection:
        await connection.execute(update(customers).where(customers.c.id == anna.id).values(zone="Asia/Tokyo"))
    assert await learn(browser="Europe/Paris") == "Europe/Paris"
    kept = await scene.get(Customer, anna.id)
    assert (kept.zone, kept.zone_guess) == ("Asia/Tokyo", "Europe/Paris")
