"""What a merge means: the older journey and promise, one conversation, old ids that still lead to the person."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from bot.routing import handle
from campaigns.api.taking import customer_ids
from campaigns.customers.erasing import erase_customer
from campaigns.customers.merging import MERGED, Merged, merge_customers
from campaigns.customers.unmerging import undo_merge
from campaigns.reporting.story import find_customer, story
from campaigns.responding.events import CustomerEvent, record_event
from core.actors import Actor
from core.errors import Refused, TransactionLost
from core.machines.enrolment import EnrolmentState
from core.machines.message import MessageState
from core.messages import EMAIL, TELEGRAM
from storage.imports import CustomerOptions, import_customers
from storage.merging.keys import OWNER, owned_tables
from storage.merging.tombstones import survivor_of
from storage.outbox.columns import table
from storage.personal import HOLDINGS
from storage.store import Store
from storage.tables import (
    Audit,
    Conversation,
    Customer,
    Enrolment,
    EnrolmentHistory,
    Event,
    Grant,
    Identity,
    Message,
    metadata,
)
from tests.bot.scene import DAY, Person, Scene, body, written
from tests.conftest import NOW

VERA = Actor("operator", "vera")


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


async def merge(scene: Scene, one: Person, into: Person) -> Merged:
    return await merge_customers(scene.store, one.id, into.id, VERA, NOW, source="test")


def test_no_table_of_customers_is_forgotten() -> None:
    """What erasing knows to be a customer's own is re-pointed, by a column of that name."""
    owned = {place.name for place in owned_tables()}
    assert {"identities", "messages", "conversation_events", "address_proofs", "holds"} <= owned
    for holding in HOLDINGS:
        refers = {key.column.table.name for key in holding.table.foreign_keys} & {"customers"}
        assert not refers or OWNER in holding.table.c or holding.table.name == "merged_customers", holding.table.name
    for place in metadata.tables.values():
        refers_to_customers = [
            c.name for c in place.columns for key in c.foreign_keys if key.column.table.name == "customers"
        ]
        assert set(refers_to_customers) <= {OWNER, "survivor_id"}, place.name


async def test_the_older_of_two_open_journeys_goes_on(scene: Scene) -> None:
    one, other = await scene.person(), await scene.person()
    campaign, alone = await scene.campaign(body()), await scene.campaign(body("spring"))
    older = await scene.enrol(one, campaign, entered_at=NOW - 5 * DAY)
    younger = await scene.enrol(other, campaign, entered_at=NOW - 2 * DAY)
    single = await scene.enrol(one, alone)
    planned = await scene.message(other, younger, state=MessageState.PLANNED, sent_at=None)
    done = await merge(scene, one, other)
    assert (done.journeys_ended, done.survivor_id) == (1, other.id)
    assert await scene.state(older) is EnrolmentState.WAITING
    ended = await scene.get(Enrolment, younger)
    assert (ended.state, ended.reason) == (EnrolmentState.EXITED, MERGED)
    assert (await scene.get(Message, planned)).state is MessageState.CANCELLED
    kept = await scene.get(Enrolment, older)
    assert (kept.customer_id, kept.round, ended.round) == (other.id, 2, 1)
    told = [row.event for row in await scene.all(EnrolmentHistory, enrolment_id=single)]
    assert told == ["CustomerMerged"]
    undone = await undo_merge(scene.store, one.id, VERA, NOW)
    assert undone.journeys_stay_ended == 1
    assert (await scene.get(Enrolment, older)).customer_id == one.id


async def test_the_variant_of_whoever_entered_first_is_kept(scene: Scene) -> None:
    one, other = await scene.person(), await scene.person()
    campaign = await scene.campaign(body())
    first = await scene.enrol(one, campaign, entered_at=NOW - 9 * DAY)
    second = await scene.enrol(other, campaign, entered_at=NOW - 3 * DAY)
    enrolments = table(Enrolment)
    async with scene.store.write() as connection:
        for id_, variant in ((first, "warm"), (second, "plain")):
            await connection.execute(update(enrolments).where(enrolments.c.id == id_).values(variant=variant))
    await merge(scene, one, other)
    rows = await scene.all(Enrolment, customer_id=other.id)
    assert max(rows, key=lambda row: row.round).variant == "warm"


async def test_of_two_promises_of_a_product_the_older_is_kept(scene: Scene) -> None:
    one, other = await scene.person(), await scene.person()
    async with scene.store.session() as session:
        session.add(Grant(customer_id=one.id, product="tea", offer="a", code="OLD", granted_at=NOW - 3 * DAY))
        session.add(Grant(customer_id=other.id, product="tea", offer="b", code="NEW", granted_at=NOW - DAY))
        session.add(Grant(customer_id=one.id, product="cup", offer="c", code="CUP", granted_at=NOW - DAY))
    await merge(scene, one, other)
    grants = {row.code: row for row in await scene.all(Grant, customer_id=other.id)}
    assert {code: row.ended_by for code, row in grants.items()} == {"OLD": "", "NEW": MERGED, "CUP": ""}


async def test_two_conversations_become_one_and_a_live_chat_stays(scene: Scene) -> None:
    one, other = await scene.person(), await scene.person()
    for person, text in ((other, "first"), (one, "please help")):
        async with scene.store.write() as connection:
            await handle(connection, written(person.telegram, text), scene.context())
    conversations = table(Conversation)
    async with scene.store.write() as connection:
        mine = conversations.c.customer_id == one.id
        await connection.execute(update(conversations).where(mine).values(state="assigned", agent="anna", token=3))
    await merge(scene, one, other)
    (kept,) = [row for row in await scene.all(Conversation) if row.state != "resolved"]
    assert (kept.customer_id, kept.state, kept.agent, kept.token) == (other.id, "assigned", "anna", 3)
    said = {row.body for row in await scene.all(Message, conversation_id=kept.id, direction="in")}
    assert said == {"first", "please help"}
    await undo_merge(scene.store, one.id, VERA, NOW)
    assert {row.state.value for row in await scene.all(Conversation)} == {"bot", "assigned"}


async def test_what_came_after_goes_with_its_address_or_stays(scene: Scene) -> None:
    one, other = await scene.person(), await scene.person()
    await merge(scene, one, other)
    for sender, text in ((one.telegram, "from the one"), (other.telegram, "from the other")):
        async with scene.store.write() as connection:
            assert await handle(connection, written(sender, text), scene.context()) == other.id
    async with scene.store.write() as connection:
        await record_event(connection, CustomerEvent("shop", "1", "c1", "order", NOW), NOW)
    undone = await undo_merge(scene.store, one.id, VERA, NOW)
    by_text = {row.body: row for row in await scene.all(Message, direction="in")}
    assert by_text["from the one"].customer_id == one.id
    assert by_text["from the other"].customer_id == other.id
    assert undone.followed["messages"] >= 1
    homes = {row.id: row.customer_id for row in await scene.all(Conversation)}
    for row in by_text.values():
        assert row.conversation_id is None or homes[row.conversation_id] == row.customer_id
    (event,) = await scene.all(Event)
    assert event.customer_id == other.id


async def test_gaps_are_filled_and_given_back(scene: Scene) -> None:
    one, other = await scene.person(locale="ru"), await scene.person(locale="")
    customers = table(Customer)
    async with scene.store.write() as connection:
        await connection.execute(update(customers).where(customers.c.id == one.id).values(
            city="Kazan", attributes={"size": "M", "pet": "cat"}))  # fmt: skip
        await connection.execute(update(customers).where(customers.c.id == other.id).values(attributes={"size": "L"}))
    await merge(scene, one, other)
    both = await scene.get(Customer, other.id)
    assert (both.locale, both.city, both.attributes) == ("ru", "Kazan", {"size": "L", "pet": "cat"})
    async with scene.store.write() as connection:
        changed = {"size": "L", "pet": "cat", "new": 1}
        await connection.execute(
            update(customers).where(customers.c.id == other.id).values(attributes=changed, city="Omsk")
        )
    undone = await undo_merge(scene.store, one.id, VERA, NOW)
    alone = await scene.get(Customer, other.id)
    assert (alone.locale, alone.city, alone.attributes) == ("", "Omsk", {"size": "L", "new": 1})
    assert undone.left == {("customers", "changed since"): 1}


async def test_old_ids_and_numbers_lead_to_the_survivor(scene: Scene, tmp_path: Any) -> None:
    one, other, third = [await scene.person() for _ in range(3)]
    await merge(scene, one, other)
    await merge(scene, other, third)
    async with scene.store.read() as connection:
        for word in (one.id, other.id, "c1", "c2", "c3", one.email.value):
            assert await find_customer(connection, word) == third.id
        assert await survivor_of(connection, one.id) == third.id
        assert await customer_ids(connection, ["c1", "c3", "c9"]) == {"c1": third.id, "c3": third.id}
    file = tmp_path / "people.csv"
    file.write_text("id,city\nc1,Kazan\n")
    await import_customers(scene.store, file, CustomerOptions(now=NOW))
    assert [row.id for row in await scene.all(Customer)] == [third.id]
    with pytest.raises(Refused, match=f"unmerge {other.id}"):
        await undo_merge(scene.store, one.id, VERA, NOW)
    await undo_merge(scene.store, other.id, VERA, NOW)
    await undo_merge(scene.store, one.id, VERA, NOW)
    assert {row.id for row in await scene.all(Customer)} == {one.id, other.id, third.id}


async def test_erasing_the_survivor_erases_the_tombstones(scene: Scene) -> None:
    one, other = await scene.person(), await scene.person()
    await merge(scene, one, other)
    await erase_customer(scene.store, other.id, VERA, NOW)
    async with scene.store.read() as connection:
        for place in metadata.sorted_tables:
            rows = [str(tuple(row)) for row in await connection.execute(select(place))]
            assert not any(one.id in row or "person1@" in row for row in rows), place.name
        with pytest.raises(Refused):
            await find_customer(connection, one.id)


async def test_repeating_it_changes_nothing(scene: Scene) -> None:
    one, other = await scene.person(), await scene.person()
    rehearsed = await merge_customers(scene.store, one.id, other.id, VERA, NOW, source="test", rehearse=True)
    assert rehearsed.moved["identities"] == 2
    assert len(await scene.all(Customer)) == 2
    await merge(scene, one, other)
    with pytest.raises(Refused, match="not there"):
        await merge(scene, one, other)
    with pytest.raises(Refused, match="one and the same"):
        await merge(scene, other, other)
    await undo_merge(scene.store, one.id, VERA, NOW)
    with pytest.raises(Refused, match="no merge"):
        await undo_merge(scene.store, one.id, VERA, NOW)
    actions = [row.action for row in await scene.all(Audit, subject="customer")]
    assert actions == ["merge", "unmerge"]


async def test_a_story_tells_of_the_merge(scene: Scene) -> None:
    one, other = await scene.person(), await scene.person()
    await scene.enrol(one, await scene.campaign(body()))
    await merge(scene, one, other)
    async with scene.store.read() as connection:
        (told,) = await story(connection, other.id, "winback")
    assert [line.kind for line in told.lines] == ["CustomerMerged"]


async def test_a_message_that_comes_meanwhile_is_not_lost(scene: Scene) -> None:
    """Whoever resolved the sender before the merge and wrote after it is refused, and resolves again."""
    one, other = await scene.person(), await scene.person()

    async def write(number: int) -> None:
        for _ in range(5):
            try:
                async with scene.store.write() as connection:
                    key = {"key": f"k{number}"}
                    await handle(connection, written(one.telegram, f"message {number}", **key), scene.context())
            except (IntegrityError, TransactionLost):  # processing takes a failed delivery again
                continue
            return

    await asyncio.gather(*(write(number) for number in range(8)), merge(scene, one, other))
    said = await scene.all(Message, direction="in")
    assert {row.body for row in said} == {f"message {number}" for number in range(8)}
    assert {row.customer_id for row in said} == {other.id}
    assert {row.customer_id for row in await scene.all(Identity)} == {other.id}
    assert {row.channel for row in await scene.all(Identity)} == {EMAIL, TELEGRAM}
