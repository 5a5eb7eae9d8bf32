"""``/start TOKEN`` joins a chat to the customer who got the letter; blocks and complaints stay where they belong."""

from core.machines.conversation import ConversationState
from core.messages import EMAIL, TELEGRAM, Address, Complaint, ReachabilityChanged
from core.tokens import Signer
from storage.tables import Audit, Consent, Conversation, Customer, Identity, Message, Response, Suppression
from tests.bot.scene import SECRET, Scene, written
from tests.bot.test_answers import arrive, journey, token
from tests.conftest import NOW

CHAT = Address(TELEGRAM, "990001", "42")


def start(message_id: str, sender: Address = CHAT, **given: str):
    signed = Signer(SECRET, "start").sign(message_id)
    return written(sender, f"/start {signed}", start_token=signed, **given)


async def chat(scene: Scene):
    (row,) = await scene.all(Identity, address=CHAT.value)
    return row


async def test_a_start_link_joins_the_chat(scene: Scene) -> None:
    person = await scene.person()
    enrolment, message = await journey(scene, person)
    await arrive(scene, start(message, key="1"), start(message, key="1"))
    identity = await chat(scene)
    assert (identity.customer_id, identity.verified, identity.source) == (person.id, True, "deep link")
    (consent,) = await scene.all(Consent, identity_id=identity.id)
    assert (consent.granted, consent.source, consent.document) == (True, "deep link", "privacy-2026-01")
    assert "Paper Boat" in consent.wording
    (welcome,) = await scene.all(Message, direction="out", lane=0)
    assert welcome.identity_id == identity.id
    assert (await scene.state(enrolment)).value == "waiting"
    assert await scene.responses() == []


async def test_a_token_of_another_purpose_joins_nothing(scene: Scene) -> None:
    person = await scene.person()
    _, message = await journey(scene, person)
    await arrive(scene, written(CHAT, f"/start {token(message)}", start_token=token(message)))
    identity = await chat(scene)
    assert identity.customer_id != person.id
    assert await scene.all(Consent, identity_id=identity.id) == []


async def test_who_only_opened_the_bot_is_joined_with_what_they_wrote(scene: Scene) -> None:
    person = await scene.person()
    _, message = await journey(scene, person)
    await arrive(scene, written(person.telegram, "hi"))
    await arrive(scene, written(CHAT, "/start"), written(CHAT, "hello?"), start(message))
    assert (await chat(scene)).customer_id == person.id
    assert [row.id for row in await scene.all(Customer)] == [person.id]
    assert {row.customer_id for row in await scene.all(Message)} == {person.id}
    assert {row.customer_id for row in await scene.all(Response)} == {person.id}
    states = [row.state for row in await scene.all(Conversation, customer_id=person.id)]
    assert sorted(states) == [ConversationState.BOT, ConversationState.RESOLVED]
    assert [row.action for row in await scene.all(Audit)] == ["merge", "identity joined"]


async def test_a_chat_of_another_customer_is_left_alone(scene: Scene) -> None:
    ann, bob = await scene.person(), await scene.person()
    _, message = await journey(scene, ann)
    await arrive(scene, start(message, sender=bob.telegram))
    assert (await scene.get(Identity, bob.identities[TELEGRAM])).customer_id == bob.id
    assert [row.action for row in await scene.all(Audit)] == ["join refused"]


async def test_a_link_does_not_overrule_a_withdrawal(scene: Scene) -> None:
    person = await scene.person()
    _, message = await journey(scene, person)
    await arrive(scene, written(person.telegram, "stop"), start(message))
    identity = await chat(scene)
    assert identity.customer_id == person.id
    assert not any(row.granted for row in await scene.all(Consent))


async def test_a_block_ends_that_chat_only_and_writing_again_opens_it(scene: Scene) -> None:
    person = await scene.person()
    blocked = ReachabilityChanged("telegram", "b1", person.telegram, reachable=False)
    async with scene.store.write() as connection:
        from bot.routing import handle

        await handle(connection, blocked, scene.context())
    telegram = await scene.get(Identity, person.identities[TELEGRAM])
    assert (telegram.reachable, telegram.unreachable_reason) == (False, "blocked")
    assert (await scene.get(Identity, person.identities[EMAIL])).reachable
    assert await scene.consents(person) == {EMAIL: True, TELEGRAM: True}
    await arrive(scene, written(person.telegram, "back"))
    assert (await scene.get(Identity, person.identities[TELEGRAM])).reachable


async def test_a_complaint_withdraws_and_suppresses(scene: Scene) -> None:
    from bot.routing import handle

    person = await scene.person()
    enrolment, message = await journey(scene, person)
    for _ in range(2):
        async with scene.store.write() as connection:
            await handle(connection, Complaint("email", "arf1", message_id=message), scene.context())
    assert await scene.consents(person) == {EMAIL: False, TELEGRAM: False}
    assert (await scene.state(enrolment)).value == "exited"
    identity = await scene.get(Identity, person.identities[EMAIL])
    (suppression,) = await scene.all(Suppression)
    assert (suppression.key, suppression.purpose, suppression.at) == (identity.key, "marketing", NOW)
    assert [row.kind for row in await scene.responses()] == ["complaint"]
