"""After an answer commits, no later send of that journey is dispatched; what does not answer stops nothing."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.routing import handle
from campaigns.gates import DISPATCH_GATES
from campaigns.responding.answers import record_click, record_open
from campaigns.responding.arrivals import Arrival
from campaigns.responding.events import events_arrived
from core.clock import machine_now
from core.dispatching import Ready
from core.ids import new_id
from core.machines.enrolment import EnrolmentState
from core.machines.message import MessageState
from core.messages import TELEGRAM
from core.tokens import Signer
from storage.outbox.attempts import begin
from storage.outbox.claims import claim
from storage.statements import lock_customers
from storage.store import Store
from storage.tables import Message
from tests.bot.scene import ALL, SECRET, Person, Scene, body, written
from tests.conftest import NOW

ACTS = ("reply", "token reply", "auto reply", "mail by From", "click", "open", "stop", "goal", "/start")
UNTILS: tuple[frozenset[str], ...] = (ALL, frozenset(), *(frozenset({one}) for one in sorted(ALL)))


def answers(act: str, until: frozenset[str]) -> bool:
    """What the semantics say, in one place."""
    match act:
        case "reply" | "token reply" | "mail by From":
            return bool(until)
        case "click":
            return "click" in until
        case "stop" | "goal":
            return True
        case _:
            return False


async def act_out(scene: Scene, act: str, person: Person, mail: str) -> None:
    async with scene.store.write() as connection:
        context = scene.context()
        token = Signer(SECRET, "reply").sign(mail)
        match act:
            case "reply":
                await handle(connection, written(person.telegram, "Yes, tell me more"), context)
            case "token reply":
                await handle(connection, written(person.email, "Yes", reply_tokens=(token,)), context)
            case "auto reply":
                out_of_office = written(person.email, "Away", reply_tokens=(token,), automatic="auto-submitted")
                await handle(connection, out_of_office, context)
            case "mail by From":
                await handle(connection, written(person.email, "Hello"), context)
            case "click":
                await record_click(connection, mail, "l", at=NOW, now=NOW)
            case "open":
                await record_open(connection, mail, at=NOW, now=NOW)
            case "stop":
                await handle(connection, written(person.telegram, "Stop!"), context)
            case "goal":
                await events_arrived(connection, [Arrival(person.id, "order", NOW)], NOW)
            case "/start":
                await handle(connection, written(person.telegram, "/start"), context)


async def dispatched(scene: Scene, claims: Sequence[object]) -> set[str]:
    """The messages of these claims that may use the socket."""
    ready = [Ready(one, new_id(), TELEGRAM, "", "") for one in claims]  # type: ignore[arg-type]
    async with scene.store.write() as connection:
        return await begin(
            connection, ready, worker="w", lease_seconds=60, now=NOW, machine_now=machine_now(), gates=DISPATCH_GATES
        )


async def claimed(scene: Scene) -> list[object]:
    async with scene.store.write() as connection:
        return list(
            await claim(
                connection, TELEGRAM, worker="w", limit=100, lease_seconds=60, now=NOW, machine_now=machine_now(),
                gates=DISPATCH_GATES,
            )
        )  # fmt: skip


async def waiting_journey(scene: Scene, until: frozenset[str], name: str) -> tuple[Person, str, str, str]:
    """(person, enrolment, the mail that left, the Telegram message that is planned)."""
    person = await scene.person()
    campaign = await scene.campaign(body(name, until=until))
    enrolment = await scene.enrol(person, campaign)
    mail = await scene.message(person, enrolment, campaign=campaign)
    planned = await scene.message(
        person, enrolment, campaign=campaign, step="second", channel=TELEGRAM, state=MessageState.PLANNED, sent_at=None
    )
    async with scene.store.session() as session:
        from storage.tables import Campaign

        row = await session.get_one(Campaign, campaign[0])
        row.state = "active"  # type: ignore[assignment]
        session.add(row)
    return person, enrolment, mail, planned


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(st.sampled_from(ACTS), max_size=5), until=st.sampled_from(UNTILS), when=st.integers(0, 5))
async def test_an_answer_stops_the_journey_and_nothing_else_does(
    scene: Scene, acts: list[str], until: frozenset[str], when: int
) -> None:
    """The message is claimed somewhere among the acts and tries to leave at the end."""
    person, enrolment, mail, planned = await waiting_journey(scene, until, f"c{new_id()}")
    stopped, claims = False, []
    for number, act in enumerate([*acts, ""]):
        if number == when:
            claims = await claimed(scene)
        if act:
            await act_out(scene, act, person, mail)
            stopped = stopped or answers(act, until)
            state = await scene.state(enrolment)
            assert (state is not EnrolmentState.WAITING) is stopped, (act, until)
    claims = claims or await claimed(scene)
    left = await dispatched(scene, claims)
    assert (planned in left) is not stopped
    final = (await scene.get(Message, planned)).state
    assert final is (MessageState.CANCELLED if stopped else MessageState.DISPATCHING)
    # the other answers of this example must not be claimed by the next one
    async with scene.store.session() as session:
        for row in await scene.all(Message, direction="out", state=MessageState.PLANNED):
            message = await session.get_one(Message, row.id)
            message.state = MessageState.SKIPPED
            session.add(message)


async def test_answers_and_dispatches_at_the_same_time(scene: Scene) -> None:
    journeys = [await waiting_journey(scene, ALL, f"c{number}") for number in range(12)]
    claims = await claimed(scene)
    assert len(claims) == 12
    after_answer: set[str] = set()

    async def answer(number: int) -> None:
        person, _, mail, planned = journeys[number]
        await act_out(scene, ("reply", "stop", "goal", "click")[number % 4], person, mail)
        # the answer has committed: whatever starts now must not start
        mine = [one for one in claims if one.message_id == planned]  # type: ignore[attr-defined]
        after_answer.update(await dispatched(scene, mine))

    async def dispatch(part: Sequence[object]) -> set[str]:
        return await dispatched(scene, part)

    results = await asyncio.gather(
        *(dispatch(claims[start::3]) for start in range(3)), *(answer(number) for number in range(12))
    )
    began = {message_id for result in results[:3] if result for message_id in result}
    assert after_answer == set()
    for person, enrolment, _, planned in journeys:
        assert await scene.state(enrolment) is not EnrolmentState.WAITING, person
        expected = MessageState.DISPATCHING if planned in began else MessageState.CANCELLED
        assert (await scene.get(Message, planned)).state is expected


_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def _somebody_waits(store: Store) -> bool:
    async with store.read() as connection:
        return bool((await connection.exec_driver_sql(_WAITING)).scalar())


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
async def test_an_answer_waits_for_a_dispatch_that_began_before(store: Store) -> None:
    scene = Scene(store)
    person, enrolment, mail, planned = await waiting_journey(scene, ALL, "c")
    async with store.write() as connection:
        await lock_customers(connection, [person.id], shared=True)
        answer = asyncio.create_task(act_out(scene, "reply", person, mail))
        async with asyncio.timeout(30):
            while not await _somebody_waits(store):
                assert not answer.done()
        assert await scene.state(enrolment) is EnrolmentState.WAITING
    async with asyncio.timeout(30):
        await answer
    assert await scene.state(enrolment) is EnrolmentState.ANSWERED
    assert (await scene.get(Message, planned)).state is MessageState.CANCELLED
