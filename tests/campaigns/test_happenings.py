"""What is told of events and offers: each customer's own, up to now, found by index."""

from contextlib import nullcontext
from datetime import timedelta

from campaigns.composing.happenings import load_happenings
from campaigns.templates.names import NOTHING_ASKED, Asks
from core.ids import new_id
from storage.store import Store
from storage.tables import Event, Grant
from tests.bot.scene import Scene, body
from tests.conftest import NOW
from tests.storage.test_plans import scans, statements


async def test_each_customers_own_last_event_and_offer(store: Store) -> None:
    scene = Scene(store)
    people = [await scene.person() for _ in range(2)]
    journey = await scene.enrol(people[0], await scene.campaign(body()))

    def event(person: int, name: str, days: int, number: str) -> Event:
        return Event(
            customer_id=people[person].id, name=name, at=NOW - timedelta(days=days), source="shop",
            external_id=number, recorded_at=NOW,
        )  # fmt: skip

    def grant(offer: str, enrolment: str | None) -> Grant:
        return Grant(
            customer_id=people[0].id, product=offer, offer=offer, code=f"{offer}-1", enrolment_id=enrolment,
            granted_at=NOW,
        )  # fmt: skip

    async with store.session() as session:
        session.add_all(
            [
                event(0, "cart_left", 3, "old"), event(0, "cart_left", 1, "new"), event(0, "cart_left", -1, "tomorrow"),
                event(1, "cart_left", 9, "theirs"), event(0, "order", 20, "o-1"), event(0, "viewed", 0, "unasked"),
                grant("ten", journey), grant("elsewhere", None),
            ]
        )  # fmt: skip
    ids = [person.id for person in people]
    asks = Asks(event=True, last_order=True, events=frozenset({"cart_left"}), offer=True)
    with statements(store) if store.dialect == "sqlite" else nullcontext([]) as seen:
        async with store.read() as connection:
            found = await load_happenings(
                connection, asks, customer_ids=ids, enrolment_ids=[journey], titles={"ten": "10 %"}, now=NOW
            )
            nothing = await load_happenings(
                connection, NOTHING_ASKED, customer_ids=ids, enrolment_ids=[journey], titles={}, now=NOW
            )
    assert nothing.known(ids[0], journey).events == {}
    first, second = found.known(ids[0], journey), found.known(ids[1], None)
    assert {name: one.number for name, one in first.events.items()} == {"cart_left": "new", "order": "o-1"}
    assert first.last_order is not None
    assert first.offer is not None
    assert (first.offer.name, first.offer.title, first.offer.code) == ("ten", "10 %", "ten-1")
    assert first.event is None
    assert {name: one.number for name, one in second.events.items()} == {"cart_left": "theirs"}
    assert (second.last_order, second.offer) == (None, None)
    assert found.known(new_id(), None).events == {}
    bad = await scans(store, seen) if seen else []
    assert bad == [], "\n\n".join(bad)
