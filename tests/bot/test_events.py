"""Events of customers by HTTP, and the goals that they reach."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import orjson
import pytest
from fastapi import FastAPI

from campaigns.api import LARGEST_BODY, events_router
from campaigns.responding.arrivals import Arrival
from campaigns.responding.events import events_arrived
from core.clock import VirtualClock
from core.errors import ConfigurationError, StoreUnavailable
from core.machines.enrolment import EnrolmentState
from core.machines.message import MessageState
from storage.store import Store
from storage.tables import Customer, Enrolment, Event, Message
from tests.bot.scene import DAY, Scene, body
from tests.channels.asgi import Answer, call
from tests.conftest import NOW

TOKEN = "a long token"
ORDER = {
    "source": "shop", "external_id": "o-1", "customer": "c1", "name": "order", "at": NOW.isoformat(),
    "amount": "49.90", "currency": "USD", "properties": {"items": 2},
}  # fmt: skip


def shop_api(store: Any) -> FastAPI:
    app = FastAPI()
    app.include_router(events_router(store, VirtualClock(NOW), TOKEN))
    return app


async def post(store: Any, body: object = ORDER, header: str = f"Bearer {TOKEN}") -> Answer:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return await call(shop_api(store), "POST", "/api/events", content, {"Authorization": header})


async def test_an_event_is_kept_once(scene: Scene) -> None:
    answers = [await post(scene.store) for _ in range(3)]
    assert [(one.status, one.text) for one in answers] == [
        (201, '{"stored":true}'), (200, '{"stored":false}'), (200, '{"stored":false}'),
    ]  # fmt: skip
    (event,) = await scene.all(Event)
    assert (event.amount_micros, event.currency, event.at, event.properties) == (49_900_000, "USD", NOW, {"items": 2})
    (customer,) = await scene.all(Customer)
    assert (customer.external_id, event.customer_id) == ("c1", customer.id)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"at": "2026-12-01T10:00"}, "at"), ({"amount": "many"}, "amount"), ({"customer": ""}, "customer"),
        ({"surprise": 1}, "surprise"), ({"currency": "usd"}, "currency"), ({"properties": {"a": "\x00"}}, "properties"),
    ],
)  # fmt: skip
async def test_a_wrong_event_names_its_field(scene: Scene, change: dict[str, Any], field: str) -> None:
    answer = await post(scene.store, ORDER | change)
    assert answer.status == 400
    assert list(orjson.loads(answer.body)["fields"]) == [field]
    assert await scene.all(Event) == []


async def test_the_door_is_closed_to_others(scene: Scene) -> None:
    for header in ("", "Bearer wrong", TOKEN, f"Basic {TOKEN}"):
        assert (await post(scene.store, header=header)).status == 401
    assert (await post(scene.store, b"{")).status == 400
    assert (await post(scene.store, b" " * (LARGEST_BODY + 1))).status == 413
    assert await scene.all(Event) == []
    with pytest.raises(ConfigurationError, match="OTKLIK_API_TOKEN"):
        events_router(scene.store, VirtualClock(NOW), "")


async def test_a_store_that_is_away_asks_to_come_again() -> None:
    class Away:
        @asynccontextmanager
        async def write(self) -> AsyncIterator[None]:
            raise StoreUnavailable("away")
            yield

    answer = await post(Away())
    assert (answer.status, answer.headers["retry-after"]) == (503, "10")


async def test_a_goal_converts_and_is_credited_to_the_last_message(scene: Scene) -> None:
    person = await scene.person()
    campaign = await scene.campaign(body())
    enrolment = await scene.enrol(person, campaign)
    await scene.message(person, enrolment, campaign=campaign, sent_at=NOW - DAY)
    last = await scene.message(person, enrolment, campaign=campaign, step="second", channel="telegram", sent_at=NOW)
    planned = await scene.message(
        person, enrolment, campaign=campaign, step="third", state=MessageState.PLANNED, sent_at=None
    )
    await post(scene.store)
    await post(scene.store, ORDER | {"external_id": "o-2"})
    assert await scene.state(enrolment) is EnrolmentState.CONVERTED
    (response,) = await scene.responses()
    assert (response.kind, response.message_id, response.step) == ("conversion", last, "second")
    assert response.answered
    assert (await scene.get(Message, planned)).state is MessageState.CANCELLED


@pytest.mark.parametrize(
    ("name", "at", "converts"),
    [
        ("order", NOW, True), ("visit", NOW, False), ("order", NOW - 2 * DAY, True), ("order", NOW - 3 * DAY, False),
        ("order", NOW + 5 * DAY, True), ("order", NOW + 5 * DAY + timedelta(seconds=1), False),
    ],
)  # fmt: skip
async def test_a_goal_has_its_time(scene: Scene, name: str, at: Any, converts: bool) -> None:
    person = await scene.person()
    enrolment = await scene.enrol(person, await scene.campaign(body(within="7d")), entered_at=NOW - 2 * DAY)
    async with scene.store.write() as connection:
        assert await events_arrived(connection, [Arrival(person.id, name, at)], NOW) == int(converts)
    assert (await scene.state(enrolment) is EnrolmentState.CONVERTED) is converts


async def test_a_later_goal_is_a_fact_on_a_closed_journey(scene: Scene) -> None:
    person = await scene.person()
    campaign = await scene.campaign(body())
    enrolment = await scene.enrol(person, campaign)
    async with scene.store.session() as session:
        row = await session.get_one(Enrolment, enrolment)
        row.state, row.closed_at = EnrolmentState.ANSWERED, NOW
        session.add(row)
    async with scene.store.write() as connection:
        assert await events_arrived(connection, [Arrival(person.id, "order", NOW + DAY)], NOW + DAY) == 0
    assert await scene.state(enrolment) is EnrolmentState.ANSWERED
    assert [(row.kind, row.answered) for row in await scene.responses()] == [("conversion", False)]


async def test_the_same_event_at_the_same_time_is_kept_once(scene: Scene) -> None:
    answers = await asyncio.gather(*(post(scene.store) for _ in range(8)))
    assert sorted(one.status for one in answers) == [200] * 7 + [201]
    assert len(await scene.all(Customer)) == 1


async def test_many_arrivals_are_one_pass(scene: Scene, store: Store) -> None:
    campaign = await scene.campaign(body())
    people = [await scene.person() for _ in range(12)]
    enrolments = [await scene.enrol(person, campaign) for person in people]
    async with store.write() as connection:
        arrivals = [Arrival(person.id, "order", NOW) for person in people[:7] for _ in range(3)]
        assert await events_arrived(connection, arrivals, NOW) == 7
    states = [await scene.state(enrolment) for enrolment in enrolments]
    assert states == [EnrolmentState.CONVERTED] * 7 + [EnrolmentState.WAITING] * 5
