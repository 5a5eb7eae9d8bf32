"""What answers a journey and what does not; what is credited to which message."""

from datetime import datetime

import pytest

from bot.routing import handle
from campaigns.responding.answers import record_click, record_open, record_unsubscribe
from core.machines.enrolment import EnrolmentState
from core.machines.message import MessageState
from core.messages import EMAIL, SMS, TELEGRAM, Address, InboundMessage
from core.purposes import Purpose
from core.tokens import Signer
from storage.tables import Conversation, Customer, Enrolment, EnrolmentHistory, Hold, Message
from tests.bot.scene import DAY, SECRET, Person, Scene, body, written
from tests.conftest import NOW

WAITING, ANSWERED, EXITED = EnrolmentState.WAITING, EnrolmentState.ANSWERED, EnrolmentState.EXITED
STRANGER = Address(EMAIL, "friend@example.net")


async def arrive(scene: Scene, *inbound: InboundMessage, at: datetime = NOW) -> None:
    for one in inbound:
        async with scene.store.write() as connection:
            await handle(connection, one, scene.context(at))


async def journey(scene: Scene, person: Person, **how: object) -> tuple[str, str]:
    """(enrolment, its sent mail) of a fresh campaign."""
    campaign = await scene.campaign(body(**how))  # type: ignore[arg-type]
    enrolment = await scene.enrol(person, campaign)
    return enrolment, await scene.message(person, enrolment, campaign=campaign)


def token(message_id: str) -> str:
    return Signer(SECRET, "reply").sign(message_id)


async def test_a_token_credits_and_answers_whoever_writes(scene: Scene) -> None:
    person = await scene.person()
    enrolment, message = await journey(scene, person)
    await arrive(scene, written(STRANGER, "Tell me more", reply_tokens=("nonsense", token(message).upper())))
    (response,) = await scene.responses()
    assert (response.kind, response.message_id, response.attributed_by) == ("reply", message, "token")
    assert response.answered
    assert response.customer_id == person.id
    assert await scene.state(enrolment) is ANSWERED
    (conversation,) = await scene.all(Conversation)
    assert (conversation.customer_id, conversation.verified) == (person.id, True)
    assert len(await scene.all(Customer)) == 1
    (row,) = await scene.all(Message, direction="in")
    assert row.content["from"] == STRANGER.value


async def test_headers_credit_only_the_customers_own_messages(scene: Scene) -> None:
    ann, bob = await scene.person(), await scene.person()
    _, to_ann = await journey(scene, ann)
    await arrive(
        scene,
        written(bob.email, "hi", in_reply_to=f"<{to_ann}@shop.example.com>"),
        written(ann.email, "hi", in_reply_to=f"<{to_ann}@shop.example.com>"),
        written(ann.email, "hi", references=("<x@example.org>", f"<{to_ann}@shop.example.com>", "<y@example.org>")),
    )
    assert [row.attributed_by for row in await scene.responses()] == ["", "in_reply_to", "references"]
    verified = {row.customer_id: row.verified for row in await scene.all(Conversation)}
    assert verified == {ann.id: True, bob.id: False}


async def test_a_mail_tied_by_from_alone_stops_but_credits_nothing(scene: Scene) -> None:
    person = await scene.person()
    enrolment, _ = await journey(scene, person)
    await arrive(scene, written(person.email, "Who are you?"))
    (response,) = await scene.responses()
    assert (response.message_id, response.attributed_by, response.answered) == (None, "", True)
    assert await scene.state(enrolment) is ANSWERED
    (conversation,) = await scene.all(Conversation)
    assert not conversation.verified


async def test_a_messenger_reply_is_credited_to_the_last_message_there(scene: Scene) -> None:
    person = await scene.person()
    campaign = await scene.campaign(body())
    enrolment = await scene.enrol(person, campaign)
    await scene.message(person, enrolment, campaign=campaign, sent_at=NOW - 2 * DAY)
    last = await scene.message(
        person, enrolment, campaign=campaign, step="second", channel=TELEGRAM, sent_at=NOW - 3 * DAY
    )
    await arrive(scene, written(person.telegram, "yes"))
    (response,) = await scene.responses()
    assert (response.message_id, response.step, response.attributed_by) == (last, "second", "last_message")


async def test_a_quoted_messenger_message_goes_before_the_last_one(scene: Scene) -> None:
    person = await scene.person()
    campaign = await scene.campaign(body())
    enrolment = await scene.enrol(person, campaign)
    old = await scene.message(
        person, enrolment, campaign=campaign, channel=TELEGRAM, sent_at=NOW - 9 * DAY, provider_id="7001:5"
    )
    await scene.message(person, enrolment, campaign=campaign, step="second", channel=TELEGRAM)
    await arrive(scene, written(person.telegram, "yes", in_reply_to="7001:5"))
    assert [(row.message_id, row.attributed_by) for row in await scene.responses()] == [(old, "in_reply_to")]


async def test_nothing_is_credited_after_the_window(scene: Scene) -> None:
    person = await scene.person()
    campaign = await scene.campaign(body())
    enrolment = await scene.enrol(person, campaign)
    await scene.message(person, enrolment, campaign=campaign, channel=TELEGRAM, sent_at=NOW - 7 * DAY - DAY / 24)
    await arrive(scene, written(person.telegram, "hello"))
    (response,) = await scene.responses()
    assert (response.attributed_by, response.answered) == ("", False)
    assert await scene.state(enrolment) is WAITING


async def test_an_answer_closes_cancels_and_frees(scene: Scene) -> None:
    person = await scene.person()
    campaign = await scene.campaign(body())
    enrolment = await scene.enrol(person, campaign)
    await scene.message(person, enrolment, campaign=campaign)
    planned = await scene.message(
        person, enrolment, campaign=campaign, step="second", channel=TELEGRAM, state=MessageState.CLAIMED, sent_at=None
    )
    await arrive(scene, written(person.telegram, "yes"))
    row = await scene.get(Enrolment, enrolment)
    assert (row.state, row.closed_at, row.due_at, row.reason, row.revision) == (ANSWERED, NOW, None, "reply", 1)
    assert [line.event for line in await scene.all(EnrolmentHistory)] == ["EnrolmentAnswered"]
    message = await scene.get(Message, planned)
    assert (message.state, message.reason) == (MessageState.CANCELLED, "reply")
    assert (await scene.get(Hold, planned)).state == "released"


async def test_one_reply_answers_every_open_journey_that_wrote_lately(scene: Scene) -> None:
    person = await scene.person()
    first, _ = await journey(scene, person, name="one")
    second, _ = await journey(scene, person, name="two")
    series, _ = await journey(scene, person, name="three", until=frozenset())
    campaign = await scene.campaign(body("four"))
    silent = await scene.enrol(person, campaign)
    await scene.message(person, silent, campaign=campaign, state=MessageState.PLANNED, sent_at=None)
    await arrive(scene, written(person.telegram, "hello"))
    assert await scene.state(first) is ANSWERED
    assert await scene.state(second) is ANSWERED
    assert await scene.state(series) is WAITING
    assert await scene.state(silent) is WAITING


async def test_what_was_proven_not_sent_is_not_answered(scene: Scene) -> None:
    person = await scene.person()
    campaign = await scene.campaign(body())
    enrolment = await scene.enrol(person, campaign)
    await scene.message(person, enrolment, campaign=campaign, state=MessageState.REJECTED)
    await arrive(scene, written(person.telegram, "hello"))
    assert await scene.state(enrolment) is WAITING


async def test_automatic_replies_are_logged_and_answer_nothing(scene: Scene) -> None:
    person = await scene.person()
    enrolment, message = await journey(scene, person)
    await arrive(scene, written(person.email, "I am away", reply_tokens=(token(message),), automatic="auto-submitted"))
    (response,) = await scene.responses()
    assert (response.kind, response.message_id, response.answered) == ("auto_reply", message, False)
    assert response.detail == {"automatic": "auto-submitted"}
    assert await scene.state(enrolment) is WAITING
    assert await scene.all(Message, direction="out", purpose=Purpose.SERVICE) == []


async def test_a_strangers_automatic_mail_makes_nobody(scene: Scene) -> None:
    await arrive(scene, written(STRANGER, "Delivery delayed", automatic="precedence"))
    assert await scene.all(Customer) == []


async def test_a_reply_settles_an_unknown_message(scene: Scene) -> None:
    person = await scene.person()
    campaign = await scene.campaign(body())
    enrolment = await scene.enrol(person, campaign)
    message = await scene.message(person, enrolment, campaign=campaign, state=MessageState.UNKNOWN)
    await arrive(scene, written(STRANGER, "yes", reply_tokens=(token(message),)))
    assert (await scene.get(Message, message)).state is MessageState.DELIVERED
    assert (await scene.get(Hold, message)).state == "spent"


async def test_a_repeated_message_has_no_effect(scene: Scene) -> None:
    person = await scene.person()
    await journey(scene, person)
    inbound = written(person.telegram, "STOP", key="77")
    await arrive(scene, *[inbound] * 25)
    assert len(await scene.responses()) == 1
    assert len(await scene.all(Message, direction="in")) == 1
    assert len(await scene.all(Message, direction="out", purpose=Purpose.SERVICE)) == 1


@pytest.mark.parametrize(
    ("until", "state"), [(frozenset({"reply"}), WAITING), (frozenset({"click"}), ANSWERED), (frozenset(), WAITING)]
)
async def test_clicks_answer_where_the_step_waits_for_them(scene: Scene, until: object, state: object) -> None:
    person = await scene.person()
    enrolment, message = await journey(scene, person, until=until)
    for _ in range(3):
        async with scene.store.write() as connection:
            await record_open(connection, message, at=NOW, now=NOW)
            await record_click(connection, message, "abc", at=NOW, now=NOW)
    assert await scene.state(enrolment) is state
    kinds = {row.kind: row.answered for row in await scene.responses()}
    assert kinds == {"open": False, "click": state is ANSWERED}


async def test_unknown_links_record_nothing(scene: Scene) -> None:
    async with scene.store.write() as connection:
        assert not (await record_click(connection, "0" * 26, "abc", at=NOW, now=NOW)).new
        assert await record_unsubscribe(connection, "0" * 26, one_click=True, at=NOW, now=NOW) is None


async def test_one_click_withdraws_everywhere_as_often_as_it_comes(scene: Scene) -> None:
    person = await scene.person()
    enrolment, message = await journey(scene, person)
    service, _ = await journey(scene, person, name="parcel", purpose=Purpose.TRANSACTIONAL)
    changes = []
    for _ in range(3):
        async with scene.store.write() as connection:
            changes.append(await record_unsubscribe(connection, message, one_click=True, at=NOW, now=NOW))
    assert [bool(change) for change in changes] == [True, False, False]
    assert await scene.consents(person) == {EMAIL: False, TELEGRAM: False}
    assert await scene.state(enrolment) is EXITED
    assert await scene.state(service) is WAITING
    assert [row.kind for row in await scene.responses()] == ["opt_out"]


async def test_an_unknown_sender_becomes_a_customer(scene: Scene) -> None:
    await arrive(scene, written(Address(SMS, "+12025550123"), "Hello?", sender_name="Ann Lee"))
    await arrive(scene, written(Address(SMS, "+12025550123"), "Anybody?"))
    (customer,) = await scene.all(Customer)
    assert (customer.first_name, customer.last_name, customer.country) == ("Ann", "Lee", "US")
    assert len(await scene.all(Conversation)) == 1
    assert len(await scene.all(Message, direction="in")) == 2
