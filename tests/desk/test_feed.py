"""The feed of open desks: everything new is told once, and nothing is lost with the store or in a flood."""

import orjson
import pytest

from bot.handoff import ownership
from core.actors import SYSTEM
from core.errors import StoreUnavailable
from core.machines.conversation import ConversationState
from core.wakeup import LocalWakeup
from desk.inbox.listing import Filters, View
from desk.live import feed as feeding
from desk.live.feed import Feed
from desk.rendering import Reader
from storage.store import Store
from tests.bot.handoff.stage import Desk


@pytest.fixture
def desk(store: Store, clock: object) -> Desk:
    return Desk(store, clock)  # type: ignore[arg-type]


async def test_what_is_new_is_told_once(desk: Desk) -> None:
    feed = Feed(desk.store, LocalWakeup())
    assert await feed.look() is None
    id_ = await desk.waiting()
    news = await feed.look()
    assert news is not None
    assert news.whole
    assert [(line.id, line.state) for line in news.lines] == [(id_, ConversationState.QUEUED)]
    assert news.counts("ann") == {
        View.MINE: 0, View.UNASSIGNED: 1, View.WAITING: 1, View.OPEN: 1, View.SNOOZED: 0, View.BOT: 0,
    }  # fmt: skip
    assert await feed.look() is None
    async with desk.store.write() as connection:
        await ownership.take(connection, id_, "ann", actor=SYSTEM, now=desk.clock.now())
    again = await feed.look()
    assert again is not None
    assert again.counts("ann")[View.MINE] == 1


async def test_a_page_is_sent_the_rows_that_its_list_shows(desk: Desk) -> None:
    feed = Feed(desk.store, LocalWakeup())
    mine, hers, waits = await desk.waiting(), await desk.waiting(priority=2), await desk.waiting()
    async with desk.store.write() as connection:
        for id_, who in ((mine, "ann"), (hers, "eve")):
            await ownership.take(connection, id_, who, actor=SYSTEM, now=desk.clock.now())
    news = await feed.look()
    assert news is not None

    def shown(asked: dict[str, str]) -> set[str]:
        told = orjson.loads(news.frame(Reader("en", "UTC"), "ann", Filters.of(asked)))
        assert {row["id"] for row in told["rows"]} == {mine, hers, waits}, "of the others it is told that they are not"
        return {row["id"] for row in told["rows"] if f"line-{row['id']}" in row.get("html", "")}

    assert shown({"view": "open"}) == {mine, hers, waits}
    assert shown({"view": "mine"}) == {mine}
    assert shown({"view": "unassigned"}) == {waits}
    assert shown({"view": "open", "priority": "2"}) == {hers}
    assert shown({"view": "open", "channel": "pigeons"}) == shown({"view": "bot"}) == set()


async def test_a_look_that_failed_counts_for_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    feed = Feed(desk.store, LocalWakeup())
    id_ = await desk.waiting()

    async def away(*_: object) -> None:
        raise StoreUnavailable("away")

    with monkeypatch.context() as broken:
        broken.setattr(feeding, "tallies", away)
        with pytest.raises(StoreUnavailable):
            await feed.look()
    news = await feed.look()
    assert news is not None
    assert [line.id for line in news.lines] == [id_]


async def test_a_flood_is_said_not_to_be_whole(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding, "AT_ONCE", 2)
    feed = Feed(desk.store, LocalWakeup())
    for _ in range(3):
        await desk.waiting()
    news = await feed.look()
    assert news is not None
    assert not news.whole
