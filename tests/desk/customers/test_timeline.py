"""The timeline: everything once, the newest first, whatever page and filter."""

from datetime import timedelta

from core.machines.enrolment import EnrolmentState
from core.machines.message import MessageState
from desk.customers.card import card_of
from desk.customers.timeline import Cursor, Entry, Filters, Kind, cursor_of, timeline
from storage.tables import Campaign, CampaignVersion, Enrolment, EnrolmentHistory, Event, Message
from tests.desk.customers.conftest import Enter, Town
from tests.desk.customers.test_pages import plain


async def read(town: Town, who: str, filters: Filters, limit: int) -> list[Entry]:
    """Page by page to the end."""
    found: list[Entry] = []
    before: Cursor | None = None
    while True:
        async with town.store.read() as connection:
            page = await timeline(connection, who, filters, before, limit)
        found += page.entries
        if page.older is None:
            return found
        assert len(page.entries) == limit
        before = cursor_of(str(page.older))
        assert before == page.older


async def test_everything_once_the_newest_first(town: Town) -> None:
    who, stranger = await town.vera(), await town.somebody()
    mail = await town.place(stranger, "telegram", "77")
    now = town.clock.now()
    same = now - timedelta(days=20)
    await town.put(
        *(
            Event(customer_id=who.id, name="viewed", at=same, source="shop", external_id=f"v{n}", recorded_at=now)
            for n in range(7)
        ),
        Message(direction="in", state=MessageState.DELIVERED, customer_id=stranger.id, identity_id=mail.id,
                channel="telegram", body="somebody else's", created_at=now),
    )  # fmt: skip
    whole = await read(town, who.id, Filters(), 100)
    assert [one.kind for one in whole[:5]] == [
        Kind.MESSAGE, Kind.MESSAGE, Kind.EVENT, Kind.HANDOFF, Kind.CHANGE,
    ]  # fmt: skip
    assert whole[1].at == now - timedelta(days=2), "a message stands where it left, not where it was planned"
    assert len(whole) == 5 + 7
    order = [(one.at, one.id) for one in whole]
    assert order == sorted(order, reverse=True)
    for limit in (1, 2, 3):
        assert [one.id for one in await read(town, who.id, Filters(), limit)] == [one.id for one in whole]
    for kind in Kind:
        expected = [one.id for one in whole if one.kind is kind]
        assert [one.id for one in await read(town, who.id, Filters(kind), 2)] == expected, kind
    assert {one.kind for one in await read(town, who.id, Filters(channel="email"), 100)} == {Kind.MESSAGE}
    assert await read(town, who.id, Filters(channel="sms"), 100) == []


def test_a_cursor_that_is_none_of_ours_is_none() -> None:
    for text in ("", "x", "2026-01-01T00:00:00~" + "0" * 26, "2026-01-01T00:00:00+00:00~x", "~"):
        assert cursor_of(text) is None, text


async def test_a_campaign_says_why_not(town: Town, enter: Enter) -> None:
    who, client, now = await town.vera(), await enter(), town.clock.now()
    body = {"definition": {"name": "winback", "purpose": "marketing", "steps": [], "audience": "dormant"}}
    campaign = Campaign(name="winback", version="v1", created_at=now, updated_at=now)
    journey = Enrolment(
        campaign_id=campaign.id, customer_id=who.id, version="v1", state=EnrolmentState.WAITING, step="letter",
        entered_at=now - timedelta(hours=2), due_at=now + timedelta(hours=9),
    )  # fmt: skip
    await town.put(
        campaign,
        CampaignVersion(hash="v1", campaign_id=campaign.id, body=body, created_at=now),
        journey,
        EnrolmentHistory(enrolment_id=journey.id, at=now - timedelta(hours=2), event="Entered"),
        EnrolmentHistory(enrolment_id=journey.id, at=now - timedelta(hours=1), event="SendDeferred", step="first",
                         leg="main", detail="cap"),
        EnrolmentHistory(enrolment_id=journey.id, at=now, event="SendDeferred", step="letter", leg="main",
                         detail="cap"),
    )  # fmt: skip
    async with town.store.read() as connection:
        (found,) = (await card_of(connection, who.id, now)).journeys
    assert (found.campaign, found.step) == ("winback", "letter")
    assert found.withheld is not None
    assert (found.withheld.step, found.withheld.detail) == ("letter", "cap")
    said = plain((await client.get(f"/desk/customers/{who.id}")).text)
    assert "letter: put off by the frequency cap" in said
    story = await client.get(f"/desk/customers/{who.id}/why", params={"campaign": "winback"})
    assert "first: put off by the frequency cap" in plain(story.text)
    assert (await client.get(f"/desk/customers/{who.id}/why/nothing")).status_code == 404
    part = await client.get(f"/desk/customers/{who.id}", params={"kind": "campaign"}, headers={"x-desk": "part"})
    assert "<html" not in part.text
    assert plain(part.text).count("winback:") == 3
