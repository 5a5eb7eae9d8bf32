"""The inbox's views: what each shows and counts, in which order, page by page, on both databases."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from core.clock import VirtualClock
from core.ids import new_id
from core.machines.conversation import ConversationState
from desk.inbox import counting, listing
from desk.inbox.counting import choices, tallies
from desk.inbox.listing import PAGE, Filters, Place, View, listed, shows
from desk.rendering import Reader, rendered
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Conversation
from tests.bot.handoff.stage import Desk
from tests.conftest import NOW

S = ConversationState


@pytest.fixture
def desk(store: Store, clock: VirtualClock) -> Desk:
    return Desk(store, clock)


async def shown(desk: Desk, filters: Filters, me: str = "x") -> list[str]:
    async with desk.store.read() as connection:
        return [line.id for line in await listed(connection, filters, me)]


async def paged(desk: Desk, asked: dict[str, str]) -> list[str]:
    """All pages of a view, one after the other, as a browser follows them."""
    from urllib.parse import parse_qsl

    found: list[str] = []
    for _ in range(10):
        filters = Filters.of(asked)
        async with desk.store.read() as connection:
            lines = await listed(connection, filters, "x")
        found += [line.id for line in lines]
        more = filters.after(lines)
        if not more:
            return found
        asked = dict(parse_qsl(more))
    raise AssertionError("the pages do not end")


async def test_views_show_and_count_what_they_say(desk: Desk) -> None:
    ann, bob = await desk.agent("ann"), await desk.agent("bob")
    made = {
        (state, agent, waits): await desk.conversation(state, agent=agent, waiting_since=NOW if waits else None)
        for state in S for agent in ("", ann, bob) for waits in (True, False)
    }  # fmt: skip
    async with desk.store.read() as connection:
        counted = await tallies(connection)
    for view in View:
        expected = {
            id_ for (state, agent, waits), id_ in made.items()
            if shows(view, state, mine=agent == ann, waiting=waits)
        }  # fmt: skip
        assert set(await shown(desk, Filters(view), ann)) == expected, view
        if view is not View.RESOLVED:
            assert counted.counts(ann)[view] == len(expected), view
    assert await shown(desk, Filters(View.MINE), "") == [], "nobody holds nothing"
    assert counted.counts("")[View.MINE] == 0


async def test_filters_show_as_many_as_they_say(desk: Desk) -> None:
    number = 0
    for state in (S.QUEUED, S.ASSIGNED, S.SNOOZED):
        for channel in ("sms", "email"):
            for priority in (0, 3):
                number += 1
                await desk.conversation(
                    state, agent="" if state is S.QUEUED else "ann", channel=channel, priority=priority,
                    queue="money" if number % 3 else "", waiting_since=NOW if number % 2 else None,
                )  # fmt: skip
    async with desk.store.read() as connection:
        facets = (await tallies(connection)).facets("ann")
    for view, by in facets.items():
        assert set(by) == {"channel", "priority", "queue"}
        for name, found in by.items():
            for value, count in found.items():
                filters = Filters.of({"view": view.value, name: value})
                (chosen,) = [one for one in choices(filters, facets)[name] if one.current]
                assert (chosen.value, chosen.number) == (value, count)
                assert chosen.address == f"view={view.value}"
                assert len(await shown(desk, filters, "ann")) == count, (view, name, value)
    assert facets[View.OPEN]["channel"] == {"sms": 4, "email": 4}
    both = Filters.of({"view": "open", "channel": "sms", "priority": "0"})
    assert len(await shown(desk, both)) == 2


async def test_pages_show_everybody_once_in_the_views_order(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "PAGE", 3)
    made: list[tuple[int, datetime, str]] = []
    for number in range(10):
        at = NOW + timedelta(minutes=number // 2 * 7 % 5)  # some at the same instant
        priority = number % 3
        id_ = await desk.conversation(S.QUEUED, queued_at=at, waiting_since=at, priority=priority, channel="sms")
        async with desk.store.write() as connection:
            rows = table(Conversation)
            await connection.execute(update(rows).where(rows.c.id == id_).values(last_at=at))
        made.append((priority, at, id_))
    newest = [id_ for _, _, id_ in sorted(made, key=lambda one: one[1:], reverse=True)]
    longest = [id_ for _, _, id_ in sorted(made, key=lambda one: one[1:])]
    urgent = [id_ for _, _, id_ in sorted(made, key=lambda one: (-one[0], *one[1:]))]
    assert await paged(desk, {"view": "open"}) == newest
    assert await paged(desk, {"view": "waiting", "channel": "sms"}) == longest
    assert await paged(desk, {"view": "unassigned"}) == urgent
    low = [id_ for id_ in urgent if (0, id_) in {(one[0], one[2]) for one in made}]
    assert await paged(desk, {"view": "unassigned", "priority": "0"}) == low


async def test_nobody_counts_beyond_a_thousand(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MOST", 2)
    monkeypatch.setattr(counting, "_LIMIT", 3)
    for state in (S.BOT, S.QUEUED):
        for _ in range(5):
            await desk.conversation(state)
    async with desk.store.read() as connection:
        found = (await tallies(connection)).counts("")
    assert (found[View.BOT], found[View.UNASSIGNED]) == (3, 3)
    filters = Filters(View.OPEN)
    page = rendered(
        "inbox/list.html", Reader("en", "UTC"), lines=[], filters=filters, more="", open=None
    )  # fmt: skip
    assert "No live chats" in page


def test_an_address_with_nonsense_is_the_first_page() -> None:
    for nonsense in ("", "x", "1~2~3", f"9~{NOW.isoformat()}~{new_id()}", f"1~2026-12-01T12:00:00~{new_id()}",
                     f"1~{NOW.isoformat()}~'; DROP"):  # fmt: skip
        assert Place.read(nonsense) is None, nonsense
    filters = Filters.of({"view": "nothing", "priority": "7", "channel": "a\x00b" + "c" * 99, "before": "x"})
    assert (filters.view, filters.priority, filters.before) == (View.OPEN, None, None)
    assert len(filters.channel) < 41
    place = Place(2, NOW, new_id())
    assert Place.read(str(place)) == place
    assert PAGE == 50
