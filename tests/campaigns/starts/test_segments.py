"""Whoever enters or leaves a segment starts: nobody by the first look, nobody twice, nobody lost."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from campaigns.applying import apply
from campaigns.definition import Start
from campaigns.periods import Period
from campaigns.segments import keeping
from campaigns.segments.reading import read_stored
from campaigns.starting import entry
from campaigns.starting import segments as starting_segments
from campaigns.starting.scheduler import Scheduler
from campaigns.starting.segments import BASELINE, LOOK_EVERY, REFRESH_EVERY
from campaigns.workspace.loader import Workspace
from core.actors import Actor
from core.clock import VirtualClock
from core.machines.campaign import CampaignState
from storage.outbox.columns import table
from storage.tables import Campaign, Occurrence, SegmentMembership, SegmentRefresh
from tests.campaigns.starts.place import CONFIG, Place, campaign
from tests.conftest import NOW

VIPS = Start(kind="segment", segment="vips")
MINUTE = timedelta(minutes=1)
SHORT = Period(1, "s")


async def begun(place: Place, start: Start = VIPS, **more: Any) -> dict[str, str]:
    """Ten customers of whom two are in the segment; the campaign has been looked at once. Ids by external id."""
    await place.segment("vips", {"field": "stage", "is": "vip"})
    names = [f"c{n}" for n in range(10)]
    ids = await place.people(*({"external_id": name, "stage": "vip" if name in ("c0", "c1") else ""} for name in names))
    await place.apply(campaign("welcome", start, **more))
    assert await place.scheduler.next_start() == NOW
    assert await place.tick() == 0
    assert await place.scheduler.next_start() == NOW + LOOK_EVERY
    return dict(zip(names, ids, strict=True))


async def test_entries_after_the_first_look_start(place: Place) -> None:
    ids = await begun(place)
    place.clock.advance_to(NOW + MINUTE)
    await place.change(ids["c5"], stage="vip")
    assert await place.scheduler.next_start() == NOW + MINUTE
    assert await place.tick() == 1
    assert await place.tick() == 0
    await place.change(ids["c6"], stage="vip")
    assert await place.tick(NOW + MINUTE + REFRESH_EVERY / 2) == 0  # not yet looked again
    assert await place.tick(NOW + MINUTE + REFRESH_EVERY) == 1
    assert await place.who() == ["c5", "c6"]


async def test_time_alone_moves_somebody(place: Place) -> None:
    await place.segment("silent", {"event": "visit", "last": {"above": "2h"}})
    await place.event("ann", "visit", at=NOW - timedelta(minutes=30))
    await place.apply(campaign("miss-you", Start(kind="segment", segment="silent")))
    while not await place.who() and place.clock.now() < NOW + timedelta(days=1):
        at = await place.scheduler.next_start()
        assert at is not None
        await place.tick(at)
    assert await place.who() == ["ann"]
    assert place.clock.now() - NOW <= timedelta(hours=2.5)


async def test_those_who_leave(place: Place) -> None:
    ids = await begun(place, VIPS.model_copy(update={"on": "left"}))
    place.clock.advance_to(NOW + MINUTE)
    await place.change(ids["c0"], stage="")
    await place.change(ids["c5"], stage="vip")
    assert await place.tick() == 1
    assert await place.who() == ["c0"]


async def test_a_segment_that_means_something_else_starts_nobody_by_that(place: Place) -> None:
    ids = await begun(place)
    place.clock.advance_to(NOW + MINUTE)
    await place.change(ids["c7"], city="Bath")
    await place.segment("vips", {"any": [{"field": "stage", "is": "vip"}, {"field": "city", "is": "Bath"}]})
    assert await place.tick() == 0
    place.clock.advance_to(NOW + 2 * MINUTE)
    await place.change(ids["c8"], city="Bath")
    assert await place.tick() == 1
    await place.segment("vips", {"field": "stage", "is": "vip"})
    assert await place.tick(NOW + 3 * MINUTE) == 0
    await place.segment("vips", {"any": [{"field": "stage", "is": "vip"}, {"field": "city", "is": "Bath"}]})
    assert await place.tick(NOW + 4 * MINUTE) == 0  # back in by words, not by deeds
    assert await place.who() == ["c8"]


async def test_who_entered_during_a_pause_starts_after_it_if_still_there(place: Place) -> None:
    ids = await begun(place)
    campaigns = table(Campaign)

    async def put(state: CampaignState) -> None:
        async with place.store.write() as connection:
            await connection.execute(update(campaigns).values(state=state))

    await put(CampaignState.PAUSED)
    await place.apply(campaign("other", VIPS))  # it goes on refreshing
    await place.tick()
    for step, (name, stage) in enumerate([("c5", "vip"), ("c6", "vip"), ("c6", "")], 1):
        place.clock.advance_to(NOW + step * timedelta(hours=3))
        await place.change(ids[name], stage=stage)
        await place.tick()
    assert await place.who("welcome") == []
    await put(CampaignState.ACTIVE)
    assert await place.tick(NOW + timedelta(hours=10)) == 1
    assert await place.who("welcome") == ["c5"]


async def test_one_who_comes_again_starts_again_where_reentry_lets_them(place: Place) -> None:
    ids = await begun(place, reentry=SHORT)
    for step in range(1, 7):
        place.clock.advance_to(NOW + step * MINUTE)
        await place.change(ids["c5"], stage="vip" if step % 2 else "")
        await place.tick()
        await place.close_all()
    assert [row.entered_at for row in await place.entered()] == [NOW + step * MINUTE for step in (1, 3, 5)]


async def test_a_crash_between_loses_nobody_and_starts_nobody_twice(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies after the first of three groups; the journeys of that group are over when it comes back."""
    ids = await begun(place, reentry=SHORT)
    place.clock.advance_to(NOW + MINUTE)
    for name in ("c4", "c5", "c6"):
        await place.change(ids[name], stage="vip")
    real, calls = entry.enrol_group, 0

    async def dies(*args: Any, **words: Any) -> list[str]:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise RuntimeError("killed")
        return await real(*args, **words)

    monkeypatch.setattr(starting_segments, "enrol_group", dies)
    monkeypatch.setattr(starting_segments, "chunks", lambda items: [items[at : at + 1] for at in range(len(items))])
    with pytest.raises(RuntimeError):
        await place.tick()
    assert len(await place.who()) == 1
    await place.close_all()
    monkeypatch.undo()
    place.clock.advance_to(NOW + MINUTE + timedelta(seconds=5))
    assert await place.tick() == 2
    assert sorted(await place.who()) == ["c4", "c5", "c6"]
    await place.close_all()
    for later in (10, 15):
        assert await place.tick(NOW + MINUTE + timedelta(seconds=later)) == 0


async def test_a_cursor_that_was_not_written_starts_nobody_twice(place: Place) -> None:
    ids = await begun(place, reentry=SHORT)
    place.clock.advance_to(NOW + MINUTE)
    await place.change(ids["c5"], stage="vip")
    assert await place.tick() == 1
    await place.close_all()
    occurrences = table(Occurrence)
    async with place.store.write() as connection:
        await connection.execute(delete(occurrences).where(occurrences.c.outcome != BASELINE))
    assert await place.tick(NOW + 3 * MINUTE) == 0
    assert await place.who() == ["c5"]


async def test_two_schedulers(place: Place) -> None:
    ids = await begun(place, reentry=SHORT)
    clocks = [VirtualClock(NOW), VirtualClock(NOW)]
    schedulers = [Scheduler(place.store, clock) for clock in clocks]
    for step in range(1, 6):
        place.clock.advance_to(NOW + step * MINUTE)
        await place.change(ids[f"c{step + 2}"], stage="vip")
        for number, clock in enumerate(clocks):
            clock.advance_to(NOW + step * MINUTE + timedelta(seconds=number))
        await asyncio.gather(*(scheduler.tick() for scheduler in schedulers))
        await place.close_all()
    await place.tick(NOW + timedelta(hours=1))
    assert sorted(await place.who()) == ["c3", "c4", "c5", "c6", "c7"]


@pytest.mark.parametrize("on", ["entered", "left"])
async def test_everybody_leaves_a_segment_that_is_removed_and_nobody_starts_by_it(
    place: Place, on: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "WRITTEN_AT_ONCE", 1)
    ids = await begun(place, VIPS.model_copy(update={"on": on}))
    place.clock.advance_to(removed := NOW + timedelta(hours=1))
    other = {"everyone": read_stored("everyone", {"where": {"field": "id", "is_set": True}})}
    await apply(place.store, Workspace(CONFIG, other, {}), Actor("operator", "ann"), removed)
    memberships, refreshes = table(SegmentMembership), table(SegmentRefresh)
    async with place.store.read() as connection:
        rows = (await connection.execute(select(memberships.c.customer_id, memberships.c.left_at))).all()
        assert sorted(rows) == sorted((ids[name], removed) for name in ("c0", "c1"))
        assert await connection.scalar(select(refreshes.c.segment)) is None
    assert await place.tick(removed + MINUTE) == 0
    await place.segment("vips", {"field": "stage", "is": "vip"})  # and back
    assert await place.tick(removed + 2 * MINUTE) == 0
    assert await place.tick(removed + 4 * MINUTE) == 0
    place.clock.advance_to(removed + 5 * MINUTE)
    await place.change(ids["c5"], stage="vip")
    await place.change(ids["c0"], stage="")
    assert await place.tick(removed + 6 * MINUTE) == 1
    assert await place.who() == ["c5" if on == "entered" else "c0"]
