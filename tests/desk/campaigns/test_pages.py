"""The campaigns' pages: what they say is what the store holds, and who may do what, on both databases."""

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from campaigns.reporting.report import campaign_report
from core.agents import Role
from core.clock import VirtualClock
from core.machines.campaign import CampaignState
from core.machines.message import MessageState
from desk.campaigns.figures import Figures
from desk.campaigns.journey import drawn, standing
from desk.campaigns.month import month_days, month_named
from desk.campaigns.words import Words
from desk.rendering import Reader
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Audit, Campaign, Enrolment, Message
from tests.desk.campaigns.conftest import Visit, plain

_CAMPAIGNS, _MESSAGES, _AUDIT, _ENROLMENTS = table(Campaign), table(Message), table(Audit), table(Enrolment)
Running = tuple[Store, VirtualClock]


async def test_the_journey_adds_up(running: Running) -> None:
    from campaigns.live import workspace_config
    from campaigns.periods import zone_named
    from campaigns.versions import definitions

    store, clock = running
    async with store.read() as connection:
        row = (await connection.execute(_CAMPAIGNS.select())).one()
        definition = (await definitions(connection, [row.version]))[row.version]
        report = await campaign_report(connection, "winback", now=clock.now())
        found = await standing(connection, row.id)
        walking = await connection.scalar(
            select(func.count()).where(_ENROLMENTS.c.campaign_id == row.id, _ENROLMENTS.c.ghost.is_(False))
        )
        ghosts = (MessageState.CANCELLED, MessageState.SKIPPED, MessageState.REJECTED)
        real = await connection.scalar(select(func.count()).where(_MESSAGES.c.state.not_in(ghosts))) or 0
        config = await workspace_config(connection)
        months = [
            await month_days(connection, month_named(key, date(2026, 12, 1), jalali=False), config, clock.now(),
                             zone_named("UTC"))
            for key in ("2026-12", "2027-01", "2027-02", "2027-03")
        ]  # fmt: skip
    nodes = {node.step.id: node for node in drawn(definition, found, report.steps)}
    assert nodes["letter"].came == walking
    for node in nodes.values():
        on = sum(way.customers for way in node.ways)
        exhausted = found.closed.get((node.step.id, "exhausted"), 0)
        assert node.came >= node.here + on >= 0
        if node.step.kind == "send":
            assert node.came == node.here + on + sum(number for _, number in node.ended), node.step.id
            assert exhausted <= on
    assert {way.to for way in nodes["who"].ways} == {"task-call", "last-call", "nudge"}
    assert nodes["who"].came == sum(way.customers for way in nodes["who"].ways) > 10
    counted = sum(day.number for month in months for day in month.values())
    assert counted == real > 50, "the calendar holds every message that left or will"
    assert [name for day in months[3].values() for _, name in day.starts] == ["winback"], "the next start by the clock"


async def test_who_meets_two_campaigns_in_a_day_is_counted(running: Running) -> None:
    from campaigns.live import workspace_config
    from campaigns.periods import zone_named

    store, clock = running
    async with store.write() as connection:
        one = (await connection.execute(_MESSAGES.select().where(_MESSAGES.c.sent_at.is_not(None)).limit(1))).one()
        own = (await connection.execute(_CAMPAIGNS.select())).one()
        other = {**own._mapping, "id": "z" * 26, "name": "birthday"}
        await connection.execute(_CAMPAIGNS.insert(), other)
        again = {**one._mapping, "id": "z" * 26, "campaign_id": "z" * 26, "enrolment_id": None, "provider_id": None}
        await connection.execute(_MESSAGES.insert(), again)
    month = month_named(f"{one.sent_at:%Y-%m}", date(2026, 12, 1), jalali=False)
    async with store.read() as connection:
        days = await month_days(connection, month, await workspace_config(connection), clock.now(), zone_named("UTC"))
    assert {day: found.twice for day, found in days.items() if found.twice} == {one.sent_at.date(): 1}


@pytest.mark.parametrize("locale", ["en", "ru", "fa"])
async def test_every_page_in_every_language(visit: Visit, locale: str) -> None:
    client = await visit(Role.MARKETER, locale)
    for path in (
        "/desk/campaigns", "/desk/campaigns/winback", "/desk/calendar", "/desk/calendar?month=x",
        "/desk/campaigns/winback/pause", "/desk/campaigns/winback/stop", "/desk/campaigns/winback/resume",
    ):  # fmt: skip
        got = await client.get(path)
        assert got.status_code == 200, path
        assert f'lang="{locale}"' in got.text
        assert "style=" not in got.text, "the policy allows no style in a page"
        assert "desk." not in plain(got.text), "every text has its words"
    part = await client.get("/desk/campaigns/winback", headers={"x-desk": "part"})
    assert part.status_code == 200
    assert "<html" not in part.text
    assert (await client.get("/desk/campaigns/nothing")).status_code == 404
    assert (await client.get("/desk/campaigns/winback/burn")).status_code == 404


async def test_a_lever_is_asked_about_then_pulled_and_written_down(running: Running, visit: Visit) -> None:
    store, _ = running
    client = await visit(Role.MARKETER)

    async def state() -> CampaignState:
        async with store.read() as connection:
            return CampaignState(await connection.scalar(select(_CAMPAIGNS.c.state)) or "")

    async with store.read() as connection:
        open_ones = await connection.scalar(select(func.count()).where(_ENROLMENTS.c.closed_at.is_(None)))
    asked = plain((await client.get("/desk/campaigns/winback/pause")).text)
    assert f"{open_ones} customers on the way stand still." in asked
    assert await state() is CampaignState.ACTIVE, "asking moves nothing"
    assert (await client.post("/desk/campaigns/winback/pause")).headers["location"] == "/desk/campaigns/winback"
    assert await state() is CampaignState.PAUSED
    twice = await client.post("/desk/campaigns/winback/pause")
    assert twice.status_code == 422
    assert "is in another state by now" in plain(twice.text)
    await client.post("/desk/campaigns/winback/resume", data={"catch_up": "drop"})
    assert await state() is CampaignState.ACTIVE
    await client.post("/desk/campaigns/winback/stop")
    assert await state() is CampaignState.STOPPED
    async with store.read() as connection:
        rows = (await connection.execute(select(_AUDIT).where(_AUDIT.c.actor.like("agent:%")))).all()
    assert [row.action for row in rows if row.subject == "campaign"] == ["pause", "resume", "stop"]


async def test_agents_look_and_touch_nothing(running: Running, visit: Visit) -> None:
    client = await visit(Role.AGENT)
    shown = await client.get("/desk/campaigns/winback")
    assert shown.status_code == 200
    assert "/desk/campaigns/winback/pause" not in shown.text
    assert (await client.get("/desk/campaigns/winback/pause")).status_code == 403
    assert (await client.post("/desk/campaigns/winback/pause")).status_code == 403
    assert (await client.post("/desk/campaigns/winback/settle")).status_code == 403


async def test_another_site_pulls_nothing(visit: Visit) -> None:
    client = await visit(Role.ADMIN)
    got = await client.post("/desk/campaigns/winback/stop", headers={"sec-fetch-site": "cross-site"})
    assert got.status_code == 403


async def test_an_unknown_send_is_settled_by_a_person(running: Running, visit: Visit) -> None:
    store, _ = running
    client = await visit(Role.MARKETER)
    async with store.write() as connection:
        id_ = await connection.scalar(select(_MESSAGES.c.id).where(_MESSAGES.c.state == MessageState.ACCEPTED))
        await connection.execute(update(_MESSAGES).where(_MESSAGES.c.id == id_).values(state=MessageState.UNKNOWN))
    assert id_ is not None
    assert id_ in (await client.get("/desk/campaigns/winback")).text
    assert (await client.post("/desk/campaigns/winback/settle", data={"message": "x"})).status_code == 404
    done = await client.post("/desk/campaigns/winback/settle", data={"message": id_, "verdict": "sent"})
    assert done.status_code == 303
    again = await client.post("/desk/campaigns/winback/settle", data={"message": id_, "verdict": "sent"})
    assert again.status_code == 422
    async with store.read() as connection:
        state = await connection.scalar(select(_MESSAGES.c.state).where(_MESSAGES.c.id == id_))
    assert state is MessageState.ACCEPTED


def test_months_are_those_of_the_reader() -> None:
    azar = month_named("1405-09", date(2026, 1, 1), jalali=True)
    assert (azar.first, azar.ends) == (date(2026, 11, 22), date(2026, 12, 22))
    assert azar.beside(1).key == "1405-10"
    assert azar.beside(-1).beside(1) == azar
    esfand = month_named("1405-12", date(2026, 1, 1), jalali=True)
    assert esfand.beside(1).key == "1406-01"
    for bad in ("", "2026-13", "0000-01", "1405-09-", "٣-٤"):
        assert month_named(bad, date(2026, 12, 24), jalali=False).key == "2026-12"
    december = month_named("2026-12", date(2026, 1, 1), jalali=False)
    assert december.beside(1).key == "2027-01"
    weeks = december.weeks(0)
    assert weeks[0][:2] == [None, date(2026, 12, 1)]
    assert all(len(week) == 7 for week in weeks)
    now = datetime.fromisoformat("2026-12-01T12:00+00:00")
    said = Words(Figures(Reader("fa", "Asia/Tehran")), now)
    assert said.month(azar) == "آذر ۱۴۰۵"
    assert said.weekdays()[0].startswith("ش"), "their week begins on Saturday"
    assert said.at(now + timedelta(days=1)) == "فردا ۱۵:۳۰"
