"""Languages between an agent and a customer: who is offered the chat, and which drafts are remarked upon."""

from typing import Any

import pytest

from bot.handoff import ownership
from core.actors import SYSTEM
from core.agents import Presence
from desk.inbox.listing import lines
from desk.inbox.tongues import language_of, named, other_tongue, speaker_for
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Customer
from tests.bot.handoff.stage import Desk


@pytest.fixture
def desk(store: Store, clock: object) -> Desk:
    return Desk(store, clock)  # type: ignore[arg-type]


async def offered(desk: Desk, conversation_id: str, me: str) -> str:
    async with desk.store.read() as connection:
        (line,) = await lines(connection, [conversation_id])
        found = await speaker_for(connection, line, me, "UTC", desk.clock.now())
    return "" if found is None else f"{found.name} {found.language}"


async def test_who_speaks_the_language_and_is_there_is_offered_the_chat(desk: Desk) -> None:
    me = await desk.agent("me", languages=["en"])
    polyglot, anybody = await desk.agent("poly", languages=["fa", "en"]), await desk.agent("any")
    chat = await desk.waiting(language="fa")
    assert await offered(desk, chat, me) == "poly fa"
    assert await offered(desk, chat, polyglot) == "", "they speak it themselves"
    assert await offered(desk, chat, anybody) == "", "who names no language speaks every one"
    assert await offered(desk, await desk.waiting(language="en"), me) == ""
    assert await offered(desk, await desk.conversation(language="fa"), me) == "", "the bot has it"
    assert await offered(desk, await desk.waiting(), me) == "", "nobody knows the language"


async def test_a_colleagues_chat_is_theirs_to_pass_on(desk: Desk) -> None:
    me, other = await desk.agent("me", languages=["en"]), await desk.agent("other")
    await desk.agent("poly", languages=["fa"])
    chat = await desk.waiting(language="fa")
    for owner, told in ((me, "poly fa"), (other, "")):
        async with desk.store.write() as connection:
            await ownership.take(connection, chat, owner, actor=SYSTEM, now=desk.clock.now())
        assert await offered(desk, chat, me) == told


@pytest.mark.parametrize("more", [{"presence": Presence.AWAY}, {"shift": {"6": ["09:00", "10:00"]}}])
async def test_who_is_not_there_is_offered_nothing(desk: Desk, more: dict[str, Any]) -> None:
    me = await desk.agent("me", languages=["en"])
    await desk.agent("poly", languages=["fa"], **more)
    assert await offered(desk, await desk.waiting(language="fa"), me) == ""


async def test_who_has_no_room_is_offered_nothing(desk: Desk) -> None:
    me, poly = await desk.agent("me", languages=["en"]), await desk.agent("poly", languages=["fa"], capacity=1)
    chat = await desk.waiting(language="fa")
    other = await desk.waiting()
    assert await offered(desk, chat, me) == "poly fa"
    async with desk.store.write() as connection:
        await ownership.take(connection, other, poly, actor=SYSTEM, now=desk.clock.now())
    assert await offered(desk, chat, me) == ""


async def test_the_customers_own_language_stands_in(desk: Desk) -> None:
    chat = await desk.waiting()
    async with desk.store.write() as connection:
        await connection.execute(table(Customer).update().values(locale="ru-RU"))
    async with desk.store.read() as connection:
        assert await language_of(connection, chat) == "ru"


@pytest.mark.parametrize(
    ("draft", "theirs", "remarked"),
    [
        ("Your order is on its way to you", "fa", "en"), ("Ваш заказ уже в пути", "en", "ru"),
        ("سفارش شما در راه است", "fa", ""), ("Your order is on its way", "en", ""), ("ok", "fa", ""),
        ("LB-20931 +1 202-555-0101", "fa", ""), ("Your order is on its way to you", "", ""),
    ],
)  # fmt: skip
def test_drafts_in_another_language_are_remarked_upon(draft: str, theirs: str, remarked: str) -> None:
    assert other_tongue(draft, theirs) == remarked


def test_languages_are_named_in_the_readers_own() -> None:
    assert (named("fa", "en"), named("ru", "ru"), named("en", "fa")) == ("Persian", "русский", "انگلیسی")
    assert named("xx-none", "en") == "xx-none"
