"""Receipts: the highest rank wins, whatever the order, the repeats and the hour."""

import itertools
import random
from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.responding.receipts import record_reports, settle_parked, sweep_parked
from core.errors import PermanentKind
from core.ids import new_id
from core.machines.message import MessageState
from core.messages import EMAIL, TELEGRAM, DeliveryReport
from core.statuses import highest
from storage.store import Store
from storage.tables import Enrolment, EnrolmentHistory, Hold, Identity, Message, ReceiptRow
from tests.bot.scene import Person, Scene, body
from tests.conftest import NOW

ACCEPTED, DELIVERED, FAILED, READ = (
    MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.FAILED, MessageState.READ,
)  # fmt: skip
LADDER = (ACCEPTED, DELIVERED, FAILED, READ)


def report(provider_id: str, status: MessageState, failure: str = "", **more: str) -> DeliveryReport:
    return DeliveryReport(EMAIL, provider_id, status, failure=failure, **more)


async def record(scene: Scene, *reports: DeliveryReport) -> int:
    async with scene.store.write() as connection:
        return await record_reports(connection, reports, NOW)


async def sent(scene: Scene, person: Person, state: MessageState = ACCEPTED, provider_id: str | None = "p") -> str:
    return await scene.message(person, None, state=state, provider_id=provider_id)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    said=st.lists(st.sampled_from(LADDER), min_size=1, max_size=6),
    cuts=st.sets(st.integers(1, 5)),
    early=st.integers(0, 6),
)
async def test_every_order_repeat_and_batch_ends_alike(
    scene: Scene, said: Sequence[MessageState], cuts: set[int], early: int
) -> None:
    """Fault: receipts repeated, shuffled, split over transactions, some before the provider's id is known."""
    person = await scene.person()
    provider_id = new_id()
    message = await sent(scene, person, MessageState.DISPATCHING, None)
    reports = [
        report(provider_id, one, PermanentKind.BAD_ADDRESS.value if one is FAILED else "", key=f"{provider_id}:{n}")
        for n, one in enumerate(said)
    ]
    await record(scene, *reports[:early])
    async with scene.store.session() as session:
        row = await session.get_one(Message, message)
        row.provider_id, row.state = provider_id, ACCEPTED
        session.add(row)
    async with scene.store.write() as connection:
        await settle_parked(connection, [(EMAIL, provider_id)], NOW)
    rest = reports[early:]
    edges = [0, *sorted(cut for cut in cuts if cut < len(rest)), len(rest)]
    for low, high in itertools.pairwise(edges):
        await record(scene, *rest[low:high])
    await record(scene, *reports)
    final = highest(said) if highest(said) is not ACCEPTED else ACCEPTED
    assert (await scene.get(Message, message)).state is final
    identity = await scene.get(Identity, person.identities[EMAIL])
    assert identity.reachable is (final is not FAILED)
    assert len(await scene.all(ReceiptRow, provider_id=provider_id)) == len(said)
    assert all(row.message_id == message for row in await scene.all(ReceiptRow, provider_id=provider_id))


async def test_a_thousand_permutations_of_three_receipts_thrice(scene: Scene) -> None:
    person = await scene.person()
    chance = random.Random(14)
    messages = {f"p{n}": await sent(scene, person, provider_id=f"p{n}") for n in range(40)}
    reports = [report(provider_id, status) for provider_id in messages for status in (ACCEPTED, DELIVERED, READ)] * 3
    for _ in range(3):
        chance.shuffle(reports)
        for part in range(0, len(reports), 37):
            await record(scene, *reports[part : part + 37])
    assert {row.state for row in await scene.all(Message)} == {READ}
    assert len(await scene.all(ReceiptRow)) == 3 * len(messages)


async def test_receipts_never_touch_what_did_not_leave(scene: Scene) -> None:
    person = await scene.person()
    for state in (MessageState.PLANNED, MessageState.CANCELLED, MessageState.SKIPPED, MessageState.REJECTED):
        message = await sent(scene, person, state, f"p-{state}")
        assert await record(scene, report(f"p-{state}", READ)) == 0
        assert (await scene.get(Message, message)).state is state


async def test_a_receipt_settles_an_unknown_message(scene: Scene) -> None:
    person = await scene.person()
    message = await sent(scene, person, MessageState.UNKNOWN, None)
    await record(scene, report("", ACCEPTED, message_id=message))
    assert (await scene.get(Message, message)).state is ACCEPTED
    assert (await scene.get(Hold, message)).state == "spent"


async def test_a_late_failure_wakes_the_journey_that_stands_there(scene: Scene) -> None:
    person = await scene.person()
    campaign = await scene.campaign(body())
    there, gone_on = await scene.enrol(person, campaign), None
    message = await scene.message(person, there, campaign=campaign, provider_id="a")
    other = await scene.person()
    gone_on = await scene.enrol(other, campaign)
    await scene.message(other, gone_on, campaign=campaign, provider_id="b")
    await scene.message(other, gone_on, campaign=campaign, step="second", channel=TELEGRAM)
    before = (await scene.get(Enrolment, gone_on)).due_at
    await record(scene, report("a", FAILED, "bad_address", code="5.1.1"), report("b", FAILED))
    assert (await scene.get(Enrolment, there)).due_at == NOW
    assert (await scene.get(Enrolment, gone_on)).due_at == before
    assert (await scene.get(Message, message)).state is FAILED
    history = await scene.all(EnrolmentHistory, enrolment_id=there)
    assert [(row.event, row.detail) for row in history] == [("MessageFailed", "bad_address 5.1.1")]
    assert not (await scene.get(Identity, person.identities[EMAIL])).reachable
    assert (await scene.get(Identity, person.identities[TELEGRAM])).reachable


@pytest.mark.parametrize("order", list(itertools.permutations([0, 1, 2])))
async def test_the_providers_opt_out_list_ends_that_address_in_every_order(scene: Scene, order: Sequence[int]) -> None:
    person = await scene.person()
    await sent(scene, person)
    reports = [report("p", DELIVERED), report("p", FAILED, "opted_out", code="21610"), report("p", READ)]
    await record(scene, *(reports[index] for index in order))
    for index in order:
        await record(scene, reports[index])
    assert await scene.consents(person) == {EMAIL: False, TELEGRAM: True}
    identity = await scene.get(Identity, person.identities[EMAIL])
    assert (identity.reachable, identity.unreachable_reason) == (False, "opted_out")


async def test_a_repeated_bounce_does_not_shut_an_address_again(scene: Scene) -> None:
    person = await scene.person()
    await sent(scene, person)
    bounce = report("p", FAILED, "bad_address")
    await record(scene, bounce)
    async with scene.store.session() as session:
        identity = await session.get_one(Identity, person.identities[EMAIL])
        identity.reachable = True
        session.add(identity)
    await record(scene, bounce)
    assert (await scene.get(Identity, person.identities[EMAIL])).reachable


async def test_the_sweep_finds_what_crossed(scene: Scene) -> None:
    """A receipt and the outcome of its message, written at the same time, do not see each other."""
    person = await scene.person()
    await record(scene, report("p", DELIVERED), report("never ours", DELIVERED))
    message = await sent(scene, person)
    async with scene.store.write() as connection:
        assert await sweep_parked(connection, NOW + timedelta(minutes=1)) == 1
        assert await sweep_parked(connection, NOW + timedelta(minutes=1)) == 0
    assert (await scene.get(Message, message)).state is DELIVERED


async def test_other_accounts_receipts_are_not_ours(store: Store) -> None:
    scene = Scene(store)
    person = await scene.person()
    message = await sent(scene, person)
    async with store.write() as connection:
        await record_reports(connection, [DeliveryReport("another", "p", READ)], NOW)
    assert (await scene.get(Message, message)).state is ACCEPTED
