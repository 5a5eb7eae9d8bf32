"""Tests to one's own address: planned in the outbox for whoever sends, remembered, counted nowhere, written down."""

import pytest
from sqlalchemy import func, select

from campaigns.applying import apply
from campaigns.operating.emergency import stop_everything
from campaigns.reporting.report import campaign_report
from core.agents import Role
from core.clock import VirtualClock
from core.machines.message import MessageState
from core.purposes import Purpose
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Audit, Enrolment, Message
from tests.campaigns.forecast.conftest import Shop
from tests.conftest import NOW
from tests.desk.campaigns.conftest import APPLIED, WINBACK, Visit, plain

_MESSAGES, _AUDIT, _ENROLMENTS = table(Message), table(Audit), table(Enrolment)
Running = tuple[Store, VirtualClock]
HERE = "/desk/campaigns/winback/test"


@pytest.fixture
async def running(town: Store, shop: Shop) -> Running:
    """The campaign in force, before its first start."""
    await apply(town, shop(WINBACK), APPLIED, NOW)
    return town, VirtualClock(NOW)


async def test_a_test_is_planned_marked_and_counted_nowhere(running: Running, visit: Visit) -> None:
    store, clock = running
    client = await visit(Role.MARKETER)
    shown = await client.get(HERE)
    assert 'value="ann@example.com"' in shown.text, "one's own address stands there"
    async with store.read() as connection:
        before = await campaign_report(connection, "winback", now=clock.now())
    sent = await client.post(HERE, data={"to": "me@example.org, +12025550199", "customer": "1", "step": ""})
    assert sent.status_code == 303, plain(sent.text)
    async with store.read() as connection:
        rows = (await connection.execute(_MESSAGES.select())).all()
        assert {row.channel for row in rows} == {"email", "sms", "whatsapp"}
        assert {(row.state, row.purpose, row.campaign_id, row.lane) for row in rows} == {
            (MessageState.PLANNED, Purpose.STAFF, None, 0)
        }
        letter = next(row for row in rows if row.channel == "email")
        assert letter.content["subject"].startswith("[test] ")
        assert letter.send_at == clock.now()
        assert await connection.scalar(select(func.count()).select_from(_ENROLMENTS)) == 0
        assert await campaign_report(connection, "winback", now=clock.now()) == before
        audit = (await connection.execute(_AUDIT.select().where(_AUDIT.c.action == "test"))).one()
    assert audit.actor.startswith("agent:")
    assert audit.subject_id == "winback"
    assert sorted(audit.detail["messages"]) == sorted(row.id for row in rows)
    told = await client.get(sent.headers["location"])
    assert "me@example.org" in told.text
    assert "on its way" in told.text
    assert "me@example.org, +12025550199" in (await client.get(HERE)).text, "the address is remembered"
    part = await client.get(sent.headers["location"], headers={"x-desk": "part"})
    assert "<html" not in part.text


async def test_it_leaves_by_the_ordinary_gates(running: Running, visit: Visit) -> None:
    from campaigns.gates import DISPATCH_GATES
    from core.clock import machine_now
    from storage.outbox.claims import claim

    store, clock = running
    client = await visit(Role.MARKETER)
    await client.post(HERE, data={"to": "me@example.org", "customer": "1", "step": "letter"})
    async with store.write() as connection:
        taken = await claim(
            connection, "email", worker="w", limit=10, lease_seconds=60, now=clock.now(), machine_now=machine_now(),
            gates=DISPATCH_GATES,
        )  # fmt: skip
    assert [one.to.value for one in taken] == ["me@example.org"]
    assert taken[0].content is not None


async def test_what_cannot_be_sent_is_said(running: Running, visit: Visit) -> None:
    store, clock = running
    client = await visit(Role.MARKETER)
    for data, said in (
        ({"to": "nobody"}, "is no address"),
        ({"to": "me@example.org", "customer": "no such one"}, "There is no customer"),
        ({"to": "me@example.org", "step": "none"}, "has no step"),
        ({"to": ",".join(f"a{number}@example.org" for number in range(9))}, "addresses at most"),
    ):
        got = await client.post(HERE, data=data)
        assert got.status_code == 422, data
        assert said in plain(got.text)
    async with store.write() as connection:
        await stop_everything(connection, APPLIED, "a mistake", clock.now())
    got = await client.post(HERE, data={"to": "me@example.org"})
    assert got.status_code == 422
    async with store.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(_MESSAGES)) == 0
    assert (await client.get("/desk/campaigns/nothing/test")).status_code == 404
