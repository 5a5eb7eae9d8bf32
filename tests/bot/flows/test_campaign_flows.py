"""Campaigns start flows: by their first words on each channel, with the campaign's gates, until the flow is over."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from core.machines.conversation import ConversationState
from core.machines.enrolment import EnrolmentState
from core.machines.flow_run import FlowRunState
from core.machines.message import MessageState
from core.messages import EMAIL, SMS, TELEGRAM, WEBCHAT, WHATSAPP
from storage.outbox.columns import table
from storage.tables import Command, Conversation, Customer, Enrolment, Event, FlowRun, FlowVersion, Message
from tests.bot.flows.campaign_stage import CampaignShop
from tests.bot.scene import Scene
from tests.conftest import NOW

SURVEY = """
campaign: survey
start: {event: order}
goal: nps_given
steps:
  - flow: nps
    template: ask
    wait: 3d
"""
SERIES = """
campaign: survey
start: {event: order}
steps:
  - flow: nps
    template: ask
    wait: 3d
    until: none
  - set: {attributes.asked: true}
"""
WHOLE = """
campaign: survey
start: {event: order}
steps:
  - flow: nps
    template: ask
    until: [flow]
"""
TASTE = """
flow: taste
steps:
  - say: Hello {{ customer.first_name }}.
  - ask: taste
    say: What do you like to read?
    choices: {novels: Novels, poems: Poems}
  - say: "You like {{ answers.taste }}."
"""
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
FIRST = "How likely are you to recommend"


@pytest.fixture
def shop(scene: Scene, tmp_path: Path) -> CampaignShop:
    return CampaignShop(scene, tmp_path)


async def asked(shop: CampaignShop, campaign: str, *channels: str) -> list[str]:
    """Somebody with these addresses orders; gives what they are sent."""
    await shop.apply(campaign)
    person = await shop.person(*(channels or (TELEGRAM,)))
    await shop.happens(person)
    return await shop.settle()


async def enrolment(shop: CampaignShop) -> tuple[EnrolmentState, str]:
    (row,) = await shop.rows(Enrolment)
    return row.state, row.reason


@pytest.mark.parametrize("channel", [EMAIL, SMS, WHATSAPP, TELEGRAM, WEBCHAT])
async def test_a_survey_goes_from_its_first_words_to_its_end_on_every_channel(shop: CampaignShop, channel: str) -> None:
    (first,) = await asked(shop, WHOLE, channel)
    assert first.startswith(FIRST)
    (run,) = await shop.rows(FlowRun)
    assert (run.flow, run.channel, run.state) == ("nps", channel, FlowRunState.ASKING)
    assert run.message_id == (await shop.first()).id
    (why,) = await (shop.press(channel, "9") if channel in (TELEGRAM, WEBCHAT) else shop.write(channel, "9"))
    assert "main reason" in why
    assert await enrolment(shop) == (EnrolmentState.WAITING, "")
    (thanks,) = await shop.write(channel, "always on time")
    assert "Thank you" in thanks
    given = {row.name: row.properties for row in await shop.rows(Event)}
    assert given["nps_given"]["score"] == 9
    assert given["nps_explained"]["reason"] == "always on time"
    assert await enrolment(shop) == (EnrolmentState.ANSWERED, "flow")


async def test_the_first_words_are_the_campaign_s_message(shop: CampaignShop) -> None:
    await asked(shop, SURVEY)
    (message,) = shop.got
    row = await shop.first()
    assert (row.purpose, row.step, row.state, row.conversation_id) == (
        "marketing", "flow-nps", MessageState.ACCEPTED, None,
    )  # fmt: skip
    assert [one.label for one in message.buttons][:11] == [str(score) for score in range(11)]
    assert len(message.buttons) > 11, "marketing says how to end it"


async def test_without_consent_there_is_no_flow(shop: CampaignShop) -> None:
    await shop.apply(SURVEY)
    person = await shop.person(TELEGRAM, consent=False)
    await shop.happens(person)
    assert await shop.settle() == []
    assert await enrolment(shop) == (EnrolmentState.EXHAUSTED, "")
    assert await shop.rows(FlowRun) == []


async def test_it_keeps_the_customer_s_sending_hours_and_begins_only_then(shop: CampaignShop) -> None:
    await shop.apply(SURVEY)
    person = await shop.person(TELEGRAM)
    shop.clock.advance_to(NOW.replace(hour=23))
    await shop.happens(person)
    assert await shop.settle() == []
    assert await shop.rows(FlowRun) == []
    (first,) = await shop.wait(12 * HOUR)
    assert first.startswith(FIRST)
    (run,) = await shop.rows(FlowRun)
    assert run.began_at.hour == 11


async def test_a_reply_ends_the_journey_and_the_flow_goes_on(shop: CampaignShop) -> None:
    await asked(shop, SURVEY.replace("goal: nps_given\n", ""), TELEGRAM)
    (why,) = await shop.write(TELEGRAM, "9")
    assert await enrolment(shop) == (EnrolmentState.ANSWERED, "reply")
    assert "main reason" in why


async def test_an_event_of_the_flow_is_a_goal(shop: CampaignShop) -> None:
    until = SURVEY + "    until: [goal]\n"
    await asked(shop, until)
    await shop.write(TELEGRAM, "9")
    assert await enrolment(shop) == (EnrolmentState.CONVERTED, "goal")


async def test_an_event_of_the_flow_answers_a_step_that_waits_for_it(shop: CampaignShop) -> None:
    await asked(shop, SERIES.replace("until: none", "until: {event: nps_explained}"))
    await shop.write(TELEGRAM, "9")
    assert await enrolment(shop) == (EnrolmentState.WAITING, "")
    await shop.write(TELEGRAM, "always on time")
    assert await enrolment(shop) == (EnrolmentState.ANSWERED, "event")


async def test_the_end_of_the_flow_ends_the_wait_of_a_series(shop: CampaignShop) -> None:
    await asked(shop, SERIES)
    await shop.write(TELEGRAM, "9")
    assert await enrolment(shop) == (EnrolmentState.WAITING, "")
    await shop.write(TELEGRAM, "always on time")
    assert await enrolment(shop) == (EnrolmentState.EXHAUSTED, "")
    assert (await shop.rows(Customer))[0].attributes == {"asked": True}


async def test_who_says_nothing_is_waited_for_as_long_as_the_step_says(shop: CampaignShop) -> None:
    await asked(shop, SERIES.replace("wait: 3d", "wait: 2d"))
    await shop.wait(2 * DAY - HOUR)
    assert await enrolment(shop) == (EnrolmentState.WAITING, "")
    await shop.wait(HOUR)
    assert await enrolment(shop) == (EnrolmentState.EXHAUSTED, "")


async def test_a_flow_in_which_nobody_answers_ends_the_wait(shop: CampaignShop) -> None:
    await asked(shop, SERIES.replace("wait: 3d", "wait: 30d"))
    await shop.wait(3 * DAY + HOUR)
    (run,) = await shop.rows(FlowRun)
    assert run.state is FlowRunState.SILENT
    assert await enrolment(shop) == (EnrolmentState.EXHAUSTED, "")


async def test_who_answers_before_the_flow_has_begun_finds_it_begun(shop: CampaignShop) -> None:
    await shop.apply(WHOLE)
    await shop.happens(await shop.person(TELEGRAM))
    await shop.runner.run_once()
    await shop.send(TELEGRAM)
    assert await shop.rows(FlowRun) == []
    await shop.write(TELEGRAM, "9", settle=False)
    (run,) = await shop.rows(FlowRun)
    assert (run.step, run.answers) == ("reason", {"score": 9})
    (why,) = await shop.settle()
    assert "main reason" in why, "and the command that comes later begins no other"
    assert len(await shop.rows(FlowRun)) == 1


async def test_a_flow_that_says_something_first_goes_on_behind_it(shop: CampaignShop) -> None:
    await shop.apply(SURVEY.replace("nps", "taste").replace("    template: ask\n", ""), taste=TASTE)
    await shop.happens(await shop.person(SMS))
    hello, question = await shop.settle()
    assert hello.startswith("Hello Anna.")
    assert question == "What do you like to read?\n\n1. Novels\n2. Poems"
    assert await shop.write(SMS, "2") == ["You like poems."]


async def test_a_running_flow_makes_the_next_one_wait(shop: CampaignShop) -> None:
    campaign = SERIES.replace("start: {event: order}", "start: {event: order}\nreentry: after 1d")
    await shop.apply(campaign, taste=TASTE.replace("steps:", "on: {words: [taste]}\nsteps:"))
    person = await shop.person(TELEGRAM)
    await shop.happens(person)
    await shop.settle()
    await shop.write(TELEGRAM, "9")
    await shop.write(TELEGRAM, "always on time")
    await shop.write(TELEGRAM, "taste")
    shop.clock.advance_to(shop.clock.now() + DAY - HOUR)
    shop.clock.advance_to(shop.clock.now() + 2 * HOUR)
    await shop.happens(person)
    before = len(shop.got)
    async with shop.store.write() as connection:  # its question has not timed out yet
        rows = table(FlowRun)
        await connection.execute(update(rows).where(rows.c.flow == "taste").values(due_at=shop.clock.now() + HOUR))
    await shop.settle()
    assert len(shop.got) == before, "the flow that runs is asked first"
    assert await shop.write(TELEGRAM, "Poems") == ["You like poems.", shop.got[0].text]


async def test_a_person_in_the_conversation_makes_it_wait(shop: CampaignShop) -> None:
    await shop.apply(SERIES.replace("start:", "purpose: transactional\nstart:"))
    person = await shop.person(TELEGRAM)
    talk = Conversation(
        customer_id=person.id, state=ConversationState.ASSIGNED, agent="ann", channel=TELEGRAM, opened_at=NOW,
        last_at=NOW,
    )  # fmt: skip
    async with shop.store.session() as session:
        session.add(talk)
    await shop.happens(person)
    assert await shop.settle() == []
    assert (await shop.first()).state is MessageState.PLANNED
    async with shop.store.write() as connection:
        rows = table(Conversation)
        await connection.execute(update(rows).values(state=ConversationState.RESOLVED, resolved_at=shop.clock.now()))
    (first,) = await shop.settle()
    assert first.startswith(FIRST)
    (run,) = await shop.rows(FlowRun)
    assert run.state is FlowRunState.ASKING


async def test_who_says_stop_hears_no_more_of_the_flow(shop: CampaignShop) -> None:
    await asked(shop, SERIES)
    await shop.write(TELEGRAM, "stop")
    (run,) = await shop.rows(FlowRun)
    assert run.state is FlowRunState.LEFT
    assert (await enrolment(shop))[0] is EnrolmentState.EXITED


async def test_a_flow_is_never_begun_for_who_said_stop_before_it(shop: CampaignShop) -> None:
    await shop.apply(SERIES)
    await shop.happens(await shop.person(TELEGRAM))
    await shop.runner.run_once()
    await shop.send(TELEGRAM)
    await shop.runner.run_once()
    await shop.write(TELEGRAM, "stop", settle=False)
    assert await shop.rows(Command, kind="flow", done_at=None) != []
    await shop.settle()
    assert await shop.rows(FlowRun) == []


async def test_a_flow_keeps_the_version_that_its_campaign_was_applied_with(shop: CampaignShop) -> None:
    survey = SURVEY.replace("nps", "taste").replace("    template: ask\n", "")
    await shop.apply(survey, settings="approval: true\n", taste=TASTE)
    await shop.approve("bob")
    await shop.apply(survey, settings="approval: true\n", taste=TASTE.replace("read?", "hear?"))
    assert len(await shop.rows(FlowVersion)) == 2
    await shop.happens(await shop.person(SMS))
    assert "What do you like to read?" in (await shop.settle())[1], "the new one waits for somebody's yes"
    await shop.approve("bob")
    other = await shop.person(TELEGRAM)
    await shop.happens(other)
    assert await shop.settle() == ["Hello Anna.", "What do you like to hear?"]


ON_ANSWER = """
campaign: survey
start: {event: order}
steps:
  - send: telegram
    template: letter
    wait: 3d
on_answer:
  - flow: taste
"""


async def test_an_answer_may_begin_a_flow_where_it_was_written(shop: CampaignShop) -> None:
    shop.texts["templates/letter/telegram.txt"] = "Shall we find you a book? STOP for no more."
    await shop.apply(ON_ANSWER, taste=TASTE)
    await shop.happens(await shop.person(TELEGRAM))
    await shop.settle()
    assert await shop.write(TELEGRAM, "yes") == ["Hello Anna.", "What do you like to read?"]
    assert await shop.write(TELEGRAM, "Poems") == ["You like poems."]


async def test_no_flow_begins_where_a_person_is_asked_for(shop: CampaignShop) -> None:
    shop.texts["templates/letter/telegram.txt"] = "Shall we find you a book? STOP for no more."
    await shop.apply(ON_ANSWER, taste=TASTE)
    await shop.happens(await shop.person(TELEGRAM))
    await shop.settle()
    await shop.write(TELEGRAM, "yes", settle=False)
    async with shop.store.write() as connection:
        await connection.execute(update(table(Conversation)).values(state=ConversationState.QUEUED))
    assert await shop.settle() == []
    assert await shop.rows(FlowRun) == []


async def test_a_flow_lets_its_customer_enter_a_campaign(shop: CampaignShop) -> None:
    shop.texts["templates/letter/telegram.txt"] = "Your list is ready. STOP for no more."
    shop.texts["campaigns/list.yaml"] = (
        "campaign: list\nstart: api\nsteps:\n  - wait: 1h\n  - send: telegram\n    template: letter\n"
    )
    await shop.apply(
        SURVEY.replace("nps", "taste").replace("    template: ask\n", ""),
        taste=TASTE + "  - start: list\n  - start: list\n",
    )
    await shop.happens(await shop.person(TELEGRAM))
    await shop.settle()
    await shop.write(TELEGRAM, "Poems")
    assert len(await shop.rows(Enrolment)) == 2, "entered once, however often it is said"
    (letter,) = await shop.wait(6 * HOUR)
    assert letter.startswith("Your list is ready.")


async def test_the_messages_of_the_flow_come_after_its_first(shop: CampaignShop) -> None:
    await shop.apply(SURVEY.replace("nps", "taste").replace("    template: ask\n", ""), taste=TASTE)
    await shop.happens(await shop.person(EMAIL))
    await shop.settle()
    first, second = shop.got
    assert first.text.startswith("Hello Anna.")
    assert second.text.startswith("What do you like to read?")
    rows = await shop.rows(Message, direction="out")
    assert [row.purpose for row in sorted(rows, key=lambda row: row.sent_at)] == ["marketing", "conversation"]


async def test_what_was_asked_is_told_in_texts_of_the_folder_too(shop: CampaignShop) -> None:
    shop.texts["templates/liked/message.md"] = "So you like *{{ answers.taste }}*.\n"
    flow = TASTE.replace('say: "You like {{ answers.taste }}."', "say: {template: liked}")
    await shop.apply(SURVEY.replace("nps", "taste").replace("    template: ask\n", ""), taste=flow)
    await shop.happens(await shop.person(SMS))
    await shop.settle()
    assert await shop.write(SMS, "1") == ["So you like novels."]
