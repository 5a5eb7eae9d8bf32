"""Answers by number, by a button's words and by its token: from what was sent to what is understood, and done."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from bot.routing import handle
from campaigns.composing.composer import Composer
from campaigns.composing.links import Addresses, MessageLinks
from campaigns.customers.resting import REST
from campaigns.definition import CampaignBody, CampaignDefinition, Leg, SendStep
from campaigns.live import WORKSPACE
from campaigns.starting.entry import may_enter
from core.addresses import identity_key
from core.clock import VirtualClock
from core.dispatching import Claim
from core.machines.enrolment import EnrolmentState
from core.machines.message import MessageState
from core.messages import EMAIL, SMS, TELEGRAM, Address, InboundMessage, OutboundMessage
from core.purposes import Purpose, topic_of
from core.tokens import Signer
from storage.outbox.columns import table
from storage.tables import Campaign, Consent, Customer, Enrolment, Identity, Message, MessageChoice, Setting
from tests.bot.scene import SECRET, Person, Scene, written
from tests.conftest import NOW

LONG = "book:" + "x" * 80
TEXT = f"""---
subject: A question
buttons:
  - {{label: "Yes, please", value: "yes"}}
  - {{label: "Our shop", url: "https://shop.example.com"}}
  - {{label: "بله، بعداً", value: "{LONG}"}}
---
Shall we keep it for you, *{{{{ customer.first_name }}}}*?
"""
LINKS = MessageLinks(Addresses("https://links.example.com", SECRET, reply_address="shop@example.org"))


def winback(name: str = "winback") -> CampaignBody:
    legs = [SendStep(id=channel, main=Leg(channel=channel, template="t")) for channel in (EMAIL, TELEGRAM, SMS)]
    definition = CampaignDefinition(name=name, audience="all", steps=tuple(legs))
    return CampaignBody(definition=definition, templates={"t/message.md": TEXT})


async def with_phone(scene: Scene, **more: Any) -> tuple[Person, Address]:
    person = await scene.person(**more)
    phone = Address(SMS, f"+4477009000{10 + len(await scene.all(Customer))}")
    async with scene.store.session() as session:
        identity = Identity(
            customer_id=person.id, channel=SMS, address=phone.value, key=identity_key(phone), created_at=NOW
        )
        session.add(identity)
        await session.flush()
        session.add(Consent(identity_id=identity.id, purpose="marketing", granted=True, at=NOW - timedelta(days=9)))
        person.identities[SMS] = identity.id
    return person, phone


async def sent(
    scene: Scene, person: Person, to: Address, campaign: tuple[str, str], *, at: Any = NOW - timedelta(hours=1)
) -> OutboundMessage:
    """The campaign's message on that channel, composed as a worker does and marked as delivered."""
    enrolment = await scene.enrol(person, campaign)
    id_ = await scene.message(person, enrolment, step=to.channel, channel=to.channel, campaign=campaign, sent_at=at)
    claim = Claim(
        id_, 1, person.id, person.identities[to.channel], to, Purpose.MARKETING, campaign[0], enrolment, campaign[1],
        to.channel, "main", "t",
    )  # fmt: skip
    made = (await Composer(scene.store, VirtualClock(NOW), LINKS).compose([claim]))[id_]
    assert isinstance(made, OutboundMessage), made
    return made


async def configured(scene: Scene) -> tuple[str, str]:
    async with scene.store.session() as session:
        config = scene.context().config.model_dump(mode="json")
        session.add(Setting(name=WORKSPACE, value=config, updated_at=NOW))
    return await scene.campaign(winback())


async def tell(scene: Scene, inbound: InboundMessage) -> None:
    async with scene.store.write() as connection:
        await handle(connection, inbound, scene.context())


async def understood(scene: Scene) -> list[str]:
    """What stands for the customer's messages, in their order."""
    return [(row.content or {}).get("button", "") for row in await scene.all(Message, direction="in")]


@pytest.mark.parametrize(("text", "value"), [
    ("1", "yes"), (" 2. ", LONG), ("۲", LONG), ("٢)", LONG), ("YES, please!", "yes"), ("بله، بعدا", LONG),
    ("3", ""), ("0", ""), ("12 please", ""), ("no", ""), ("yes", ""),
])  # fmt: skip
async def test_an_answer_by_sms(scene: Scene, text: str, value: str) -> None:
    campaign = await configured(scene)
    person, phone = await with_phone(scene)
    message = await sent(scene, person, phone, campaign)
    assert message.buttons == ()
    assert "\n\n1. Yes, please\nOur shop: https://links.example.com/c/" in message.text
    assert message.text.endswith("\n2. بله، بعداً\nSTOP to end, LATER to pause")
    await tell(scene, written(phone, text))
    assert await understood(scene) == [value[:200]]


async def test_a_number_means_the_last_message_with_choices_within_the_window(scene: Scene) -> None:
    campaign = await configured(scene)
    person, phone = await with_phone(scene)
    await sent(scene, person, phone, campaign, at=NOW - timedelta(days=8))
    await tell(scene, written(phone, "1"))
    other, other_phone = await with_phone(scene)
    await sent(scene, other, other_phone, campaign)
    await tell(scene, written(phone, "1"))
    assert await understood(scene) == ["", ""]


async def test_a_long_value_comes_back_by_its_token_and_to_its_reader_only(scene: Scene) -> None:
    campaign = await configured(scene)
    person, _ = await with_phone(scene)
    stranger = await scene.person()
    message = await sent(scene, person, person.telegram, campaign)
    assert message.text == "Shall we keep it for you, ?"
    values = {button.label: button.value for button in message.buttons if button.value}
    assert [*values.values()][::3] == ["yes", "later"]
    assert list(values) == ["Yes, please", "بله، بعداً", "Stop", "Not now"]
    token = values["بله، بعداً"]
    assert len(token.encode()) <= 64
    foreign = Signer("another secret", "choice").sign(f"{message.id}02")
    unknown = LINKS.choice(message.id, 9)
    for who, pressed in ((stranger, token), (person, foreign), (person, unknown), (person, token)):
        await tell(scene, written(who.telegram, "بله، بعداً", button=pressed))
    assert await understood(scene) == ["", "", "", LONG[:200]]


async def test_a_letter_answers_by_a_mail_that_is_half_written(scene: Scene) -> None:
    campaign = await configured(scene)
    person, _ = await with_phone(scene)
    message = await sent(scene, person, person.email, campaign)
    assert "https://links.example.com/n/" in message.html
    assert f"mailto:{LINKS.reply_to(message.id)}?subject=Re%3A%20A%20question&amp;body=Yes%2C%20please" in message.html
    token = Signer(SECRET, "reply").sign(message.id)
    await tell(scene, written(person.email, "Yes, please\n\nSent from my phone", reply_tokens=(token,)))
    await tell(scene, written(person.email, "2"))  # quotes nothing
    assert await understood(scene) == ["yes", ""]


async def test_composing_again_keeps_one_set_of_choices(scene: Scene) -> None:
    campaign = await configured(scene)
    person, phone = await with_phone(scene)
    message = await sent(scene, person, phone, campaign)
    (first, _) = await scene.all(MessageChoice)
    assert (first.message_id, first.number, first.label) == (message.id, 1, "Yes, please")
    async with scene.store.write() as connection:
        await connection.execute(update(table(MessageChoice)).values(label="old"))
    claim = Claim(
        message.id, 1, person.id, "", phone, Purpose.MARKETING, campaign[0], None, campaign[1], SMS, "main", "t"
    )  # fmt: skip
    await Composer(scene.store, VirtualClock(NOW), LINKS).compose([claim])
    assert [row.label for row in await scene.all(MessageChoice)] == ["Yes, please", "بله، بعداً"]


@pytest.mark.parametrize("how", ["button", "word"])
async def test_not_now_is_a_month_of_quiet(scene: Scene, how: str) -> None:
    campaign = await configured(scene)
    person, _ = await with_phone(scene)
    await sent(scene, person, person.telegram, campaign)
    (enrolment,) = await scene.all(Enrolment)
    planned = await scene.message(
        person, enrolment.id, step=SMS, channel=SMS, campaign=campaign, state=MessageState.PLANNED, sent_at=None
    )
    pressed = {"button": "later"} if how == "button" else {}
    await tell(scene, written(person.telegram, "Not now", **pressed))
    assert (await scene.get(Customer, person.id)).not_now_until == NOW + REST
    assert (await scene.state(enrolment.id), (await scene.get(Message, planned)).reason) == (
        EnrolmentState.EXITED, "not_now"
    )  # fmt: skip
    assert [row.kind for row in await scene.responses()] == ["not_now"]
    assert set((await scene.consents(person)).values()) == {True}
    (said,) = [row for row in await scene.all(Message, direction="out") if row.content]
    assert "30 days" in said.content["text"]
    await tell(scene, written(person.telegram, "start"))
    assert (await scene.get(Customer, person.id)).not_now_until is None


async def test_later_in_a_conversation_is_a_word(scene: Scene) -> None:
    person = await scene.person()
    await tell(scene, written(person.telegram, "Later"))
    assert (await scene.get(Customer, person.id)).not_now_until is None
    assert [row.kind for row in await scene.responses()] == ["reply"]


async def stopped(scene: Scene) -> tuple[Person, dict[str, str], str]:
    """Somebody who said stop to a Telegram message: (they, the confirmation's buttons by value, its id)."""
    campaign = await configured(scene)
    person, _ = await with_phone(scene)
    await sent(scene, person, person.telegram, campaign)
    await tell(scene, written(person.telegram, "Stop", button="stop"))
    (said,) = [row for row in await scene.all(Message, direction="out") if row.content]
    claim = Claim(said.id, 1, person.id, said.identity_id, person.telegram, said.purpose, content=said.content)
    made = (await Composer(scene.store, VirtualClock(NOW), LINKS).compose([claim]))[said.id]
    assert isinstance(made, OutboundMessage)
    values = [row.value for row in await scene.all(MessageChoice, message_id=said.id)]
    return person, dict(zip(values, (button.value for button in made.buttons), strict=True)), said.id


@pytest.mark.parametrize(("value", "granted", "topic"), [
    ("stop:topic", {EMAIL: True, SMS: True, TELEGRAM: True}, True),
    ("stop:channel", {EMAIL: True, SMS: True, TELEGRAM: False}, False),
    ("stop:everything", {EMAIL: False, SMS: False, TELEGRAM: False}, False),
])  # fmt: skip
async def test_stop_is_everything_until_less_is_chosen(
    scene: Scene, value: str, granted: dict[str, bool], topic: bool
) -> None:
    person, buttons, _ = await stopped(scene)
    assert set((await scene.consents(person)).values()) == {False}
    stranger = await scene.person()
    await tell(scene, written(stranger.telegram, "x", button=buttons[value]))
    assert set((await scene.consents(person)).values()) == {False}
    await tell(scene, written(person.telegram, "x", button=buttons[value]))
    assert await scene.consents(person) == granted
    refused = await scene.all(Consent, purpose=topic_of("winback"))
    assert [row.granted for row in refused] == ([False] * 3 if topic else [])
    assert [row.kind for row in await scene.responses() if row.customer_id == person.id] == ["opt_out"]


async def test_who_refused_a_topic_is_not_enrolled_in_it_and_in_others(scene: Scene) -> None:
    person, buttons, _ = await stopped(scene)
    await tell(scene, written(person.telegram, "x", button=buttons["stop:topic"]))
    async with scene.store.read() as connection:
        for name, enters in (("winback", False), ("other", True)):
            campaign = Campaign(name=name, version="", created_at=NOW, updated_at=NOW)
            wanted = may_enter(campaign, winback(name).definition, scene.context().config, NOW)
            assert (person.id in {row.id for row in await connection.execute(wanted)}) is enters
    await tell(scene, written(person.telegram, "start"))
    assert [row.granted for row in await scene.all(Consent, purpose=topic_of("winback"))] == [True] * 3


async def test_whoever_had_agreed_to_nothing_is_offered_nothing_back(scene: Scene) -> None:
    person = await scene.person(consent=False)
    await tell(scene, written(person.telegram, "stop"))
    (said,) = await scene.all(Message, direction="out")
    assert "buttons" not in said.content


async def test_a_machine_chooses_nothing(scene: Scene) -> None:
    person, phone = await with_phone(scene)
    message = await scene.message(person, None, channel=SMS)
    row = {"message_id": message, "number": 1, "label": "Yes", "value": "yes"}
    async with scene.store.write() as connection:
        await connection.execute(insert(table(MessageChoice)), [row])
    await tell(scene, replace(written(phone, "1"), automatic="auto"))
    assert await understood(scene) == [""]
