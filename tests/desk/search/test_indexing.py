"""The search's index says what the messages say: it keeps up, forgets with them, and can be made again."""

from pathlib import Path

import pytest
from sqlalchemy import delete, select, text, update

from bot.handoff.answering import Draft, answer
from campaigns.customers.erasing import erase_customer
from core.actors import Actor
from core.clock import VirtualClock
from core.errors import StoreUnavailable
from core.machines.message import MessageState
from desk.search import indexing
from desk.search.finding import EXCERPT, SAID, SHOWN, excerpt, search
from desk.search.indexing import SearchIndex, rebuild
from desk.search.words import words
from storage import migrate
from storage.backup.archive import ArchiveReader
from storage.backup.restoring import restore
from storage.backup.snapshots import snapshot
from storage.outbox.columns import table
from storage.statements import lock_customers
from storage.store import Store
from storage.tables import Cursor, Message, SearchText
from tests.bot.handoff.stage import Desk
from tests.conftest import NOW
from tests.desk.inbox.test_inbox import heard, place, taken
from tests.desk.search.test_finding import found, said, somebody

_TEXTS = table(SearchText)


@pytest.fixture
def desk(store: Store, clock: VirtualClock) -> Desk:
    return Desk(store, clock)


async def held(store: Store) -> list[str]:
    async with store.read() as connection:
        return list(await connection.scalars(select(_TEXTS.c.text).order_by(_TEXTS.c.number)))


async def whole(store: Store) -> bool:
    """Whether SQLite's index says what its rows say; PostgreSQL's cannot say anything else."""
    if store.dialect == "sqlite":
        async with store.write() as connection:
            await connection.execute(text("INSERT INTO search_words(search_words, rank) VALUES ('integrity-check', 1)"))
    return True


async def test_people_are_found_by_what_they_said_long_ago_and_the_bot_is_not(desk: Desk) -> None:
    ann = await desk.agent("Ann")
    id_ = await somebody(desk, "Vera", "Stone", "My parcel is late")
    mail = await place(desk, id_, "email", "vera@example.org")
    await heard(desk, id_, mail, "email", "thank you", subject="Refund wanted")
    await heard(desk, id_, mail, "email", "hello, I am the bot", client_token="thanks:1")
    token = await taken(desk, id_, ann)
    async with desk.store.write() as connection:
        await connection.execute(
            update(table(Message)).where(table(Message).c.body == "hello, I am the bot").values(direction="out")
        )
        await answer(connection, id_, ann, token, Draft("k", "It comes on Tuesday."), desk.clock.now())
    index = SearchIndex(desk.store)
    assert await index.run_once() == 2
    assert await index.run_once() == 0
    assert await held(desk.store) == ["my parcel is late", "refund wanted thank you", "it comes on tuesday"]
    for asked in ("parcel", "refund thank", "tuesd"):
        assert await found(desk, asked) == {id_}, asked
    for asked in ("bot", "arcel", "parcel refund"):
        assert await found(desk, asked) == set(), asked
    async with desk.store.read() as connection:
        (line,) = (await search(connection, "parcel")).lines
    assert line.text == "My parcel is late"


async def test_one_who_says_it_often_hides_nobody(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("desk.search.finding.SAID", 3)
    first = await somebody(desk, "A", "B", "where is it")
    loud = await somebody(desk, "C", "D")
    await said(desk, loud, *["where " + "oh " * number for number in range(8)])
    async with desk.store.read() as connection:
        assert [line.id for line in (await search(connection, "where")).lines] == [loud, first]
    assert SAID > SHOWN


async def test_who_is_erased_is_not_found_and_not_read_again(desk: Desk) -> None:
    id_ = await somebody(desk, "Vera", "Stone", "canary one")
    other = await somebody(desk, "Bob", "Lamb", "canary two")
    ann = await desk.agent("Ann")
    token = await taken(desk, id_, ann)
    async with desk.store.write() as connection:
        await answer(connection, id_, ann, token, Draft("k", "canary three"), desk.clock.now())
    await SearchIndex(desk.store).run_once()
    assert len(await held(desk.store)) == 3
    async with desk.store.write() as connection:  # it has left: erasing does not wait for it
        await connection.execute(
            update(table(Message)).where(table(Message).c.direction == "out").values(state="accepted")
        )
    await erase_customer(desk.store, (await desk.row(id_)).customer_id, Actor("operator", "vera"), NOW)
    assert await SearchIndex(desk.store).run_once() == 0
    assert await held(desk.store) == ["canary two"]
    assert await found(desk, "canary") == {other}
    assert await whole(desk.store)


async def test_a_group_that_failed_is_read_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    id_ = await somebody(desk, "Vera", "Stone")
    chat = await place(desk, id_, "webchat", "v")
    await heard(desk, id_, chat, "webchat", "hello there")

    def broken(_: object) -> str:
        raise StoreUnavailable("gone")

    with monkeypatch.context() as failing:
        failing.setattr(indexing, "said_in", broken)
        with pytest.raises(StoreUnavailable):
            await SearchIndex(desk.store).run_once()
    assert await found(desk, "hello") == set()
    assert await SearchIndex(desk.store).run_once() == 1
    assert await found(desk, "hello") == {id_}


async def test_rows_that_became_visible_late_are_read(desk: Desk) -> None:
    id_ = await somebody(desk, "Vera", "Stone")
    chat = await place(desk, id_, "webchat", "v")
    who = (await desk.row(id_)).customer_id
    late = Message(direction="in", state=MessageState.DELIVERED, customer_id=who, identity_id=chat, channel="webchat",
                   conversation_id=id_, body="older but later", created_at=NOW)  # fmt: skip
    await heard(desk, id_, chat, "webchat", "younger")
    await SearchIndex(desk.store).run_once()
    async with desk.store.write() as connection:
        await connection.execute(table(Message).insert(), late.model_dump())
    assert await SearchIndex(desk.store).run_once() == 1
    assert await found(desk, "older") == {id_}


async def test_it_can_be_made_again_from_nothing_and_from_damage(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "GROUP", 4)
    id_ = await somebody(desk, "Vera", "Stone", "hello there")
    await said(desk, id_, *(f"word{number}" for number in range(9)))
    async with desk.store.write() as connection:
        await connection.execute(update(_TEXTS).where(_TEXTS.c.number == 1).values(text="nonsense"))
        await connection.execute(delete(_TEXTS).where(_TEXTS.c.number == 3))
    assert await found(desk, "hello") == set()
    assert await found(desk, "nonsense") == {id_}
    assert await rebuild(desk.store) == 10
    assert await rebuild(desk.store) == 10
    assert await found(desk, "hello") == await found(desk, "word8") == {id_}
    assert await found(desk, "nonsense") == set()
    assert await whole(desk.store)


async def test_a_backup_brings_it_along(desk: Desk, tmp_path: Path) -> None:
    await somebody(desk, "Vera", "Stone", "hello there")
    file = tmp_path / "backup.zip"
    await snapshot(desk.store, file, release="1", now=NOW)

    async def nothing(*_: object) -> None:
        return None

    async with await Store.open(f"sqlite:///{tmp_path / 'restored.sqlite3'}") as restored:
        await migrate.upgrade(restored)
        with ArchiveReader(file) as archive:
            await restore(restored, archive, replace=True, before=nothing, settle=nothing)
        async with restored.read() as connection:
            assert len((await search(connection, "hello")).lines) == 1
            assert await connection.scalar(select(table(Cursor).c.value)) is not None
        assert await SearchIndex(restored).run_once() == 0
        assert await whole(restored)


async def test_reading_waits_for_an_erasure(desk: Desk) -> None:
    """On PostgreSQL customers are locked first: what is being erased is read before, and goes, or not at all."""
    id_ = await somebody(desk, "Vera", "Stone")
    customer_id = (await desk.row(id_)).customer_id
    chat = await place(desk, id_, "webchat", "v")
    await heard(desk, id_, chat, "webchat", "canary")
    locked: list[str] = []

    async def erased_meanwhile(connection: object, ids: list[str], *, shared: bool) -> None:
        locked.extend(ids)
        assert shared
        await lock_customers(connection, ids, shared=shared)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as watching:
        watching.setattr(indexing, "lock_customers", erased_meanwhile)
        await SearchIndex(desk.store).run_once()
    assert locked == [customer_id]


def test_words_are_the_same_however_they_are_typed() -> None:
    assert words("Ещё  раз: e-mail, 50%_off") == ["еще", "раз", "e", "mail", "50", "off"]
    assert words("كتاب‌ها ۱۲۳") == words("کتاب ها 123") == ["کتاب", "ها", "123"]
    assert words("x" * 100) == ["x" * 40]
    assert words("\x00 \ud800 🙂 '\"*():^") == []


def test_an_excerpt_begins_shortly_before_what_was_looked_for() -> None:
    long = " ".join(f"w{number}" for number in range(100)) + " Заказ, который ждём"
    shown = excerpt(long, ["зака"])
    assert shown == "… w97 w98 w99 Заказ, который ждём"
    assert excerpt("Где заказ?", ["зака"]) == "Где заказ?"
    assert len(excerpt(long, ["w5"])) == EXCERPT
