"""The bot's turn on both databases: what it says, on each channel, and what it leaves to a person."""

import pytest
from sqlalchemy import update

from bot.answers.courtesy import greets
from bot.answers.turn import ESCALATED, NO_ANSWER, NOT_HELPED, SILENT, Outcome
from core.machines.conversation import ConversationState
from core.machines.message import MessageState
from core.messages import EMAIL, Button
from storage.outbox.columns import table
from storage.tables import Conversation, Event, Message
from tests.bot.answers.stage import Talk, talk
from tests.bot.scene import Scene
from tests.conftest import NOW

SAID = Outcome(said=True)


async def taken_over(asked: Talk) -> None:
    conversations = table(Conversation)
    async with asked.scene.store.write() as connection:
        await connection.execute(
            update(conversations)
            .where(conversations.c.id == asked.conversation_id)
            .values(state="assigned", token=conversations.c.token + 1, agent="anna")
        )


async def test_an_answer_with_its_looks_and_buttons(scene: Scene) -> None:
    asked = await talk(scene)
    assert await asked.says("where's my order??") == SAID
    heard = await asked.hears()
    assert heard.text == "Look at the link in our message.\n\nWas this helpful?"
    assert [(span.kind, heard.text[span.start : span.end]) for span in heard.spans] == [("bold", "link")]
    labels = [one.label for one in heard.buttons]
    assert labels == ["Prices", "How do I return a book?", "Yes", "No"]
    assert heard.buttons[0] == Button("Prices", url="https://shop.example.com/prices")
    (question,) = await asked.questions()
    assert (question.answer, question.helped, question.language) == ("delivery/track@en", None, "en")
    assert question.certainty == 100


async def test_a_button_may_ask_the_next_question(scene: Scene) -> None:
    asked = await talk(scene)
    await asked.says("Where is my order?")
    pressed = (await asked.hears()).buttons[1].value
    assert await asked.says("", button=pressed) == SAID
    assert (await asked.hears()).text.startswith("Within 30 days: https://shop.example.com/returns")


async def test_by_mail_it_is_a_letter_in_the_thread(scene: Scene) -> None:
    asked = await talk(scene, EMAIL)
    message = await scene.message(asked.person, None, channel=EMAIL, provider_id="<x@example.org>")
    sent = {"in_reply_to": f"<{message}@example.org>", "message_id": "<theirs@example.net>"}
    assert await asked.says("How do I return a book?", subject="Hello", **sent) == SAID
    heard = await asked.hears()
    assert heard.subject == "Re: Hello"
    assert heard.in_reply_to == "<theirs@example.net>"
    assert heard.text.splitlines()[-2:] == ["1. Yes", "2. No"]
    quoted = {"in_reply_to": f"<{heard.id}@example.org>", "subject": "Re: Hello"}
    assert await asked.says("1\n-- \nAnna", **quoted) == SAID
    assert (await asked.questions())[0].helped is True


async def test_a_mails_subject_may_be_the_question(scene: Scene) -> None:
    asked = await talk(scene, EMAIL)
    message = await scene.message(asked.person, None, channel=EMAIL)
    cited = {"references": (f"<{message}@example.org>",)}
    assert await asked.says("Hello,\nAnna", subject="Where is my order", **cited) == SAID
    assert (await asked.hears()).text.startswith("Look at the link in our message.")


async def test_a_mail_that_only_claims_to_be_from_somebody_is_answered_nothing(scene: Scene) -> None:
    asked = await talk(scene, EMAIL)
    assert await asked.says("How do I return a book?") == SILENT
    assert not await asked.planned()


async def test_it_answers_in_the_language_of_the_question(scene: Scene) -> None:
    asked = await talk(scene, locale="en")
    assert await asked.says("как вернуть книгу") == SAID
    assert (await asked.hears()).text == "В течение 30 дней.\n\nЭто помогло?"


async def test_what_nothing_is_sure_of_is_left_to_a_person_and_kept(scene: Scene) -> None:
    asked = await talk(scene)
    assert await asked.says("Do you repair bicycles?") == Outcome(said=False, person=NO_ANSWER)
    assert not await asked.planned()
    (question,) = await asked.questions()
    assert (question.answer, question.words) == ("", "bicycl repair")


@pytest.mark.parametrize("text", ["👍", "", "ok thanks"])
async def test_what_asks_nothing_is_nobodys(scene: Scene, text: str) -> None:
    asked = await talk(scene)
    assert await asked.says(text, attachments=()) == SILENT
    assert not await asked.questions()


@pytest.mark.parametrize(("text", "said"), [("Hello!", "Hello!"), ("Добрый день", "Здравствуйте"), ("سلام", "سلام")])
async def test_a_greeting_alone_is_greeted_back_once(scene: Scene, text: str, said: str) -> None:
    asked = await talk(scene)
    for _ in range(2):
        assert await asked.says(text) == Outcome(said=True)
    (greeting,) = await asked.planned()
    assert greeting.content["text"].startswith(said)
    assert not await asked.questions()
    assert (await asked.says("Where is my order?")).said


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        ("hi there", True), ("Good morning, team", True), ("доброго времени суток", True), ("سلام وقت بخیر", True),
        ("hello, where is my parcel?", False), ("good", False), ("вечер", False), ("", False), ("👋", False),
    ],
)  # fmt: skip
def test_what_a_greeting_is(text: str, alone: bool) -> None:
    assert greets(text) is alone


async def test_machines_are_not_answered(scene: Scene) -> None:
    asked = await talk(scene)
    assert await asked.says("Where is my order?", automatic="auto-replied") == SILENT


async def test_while_a_person_has_the_conversation_the_bot_is_silent(scene: Scene) -> None:
    asked = await talk(scene)
    await asked.says("👍")
    await taken_over(asked)
    assert await asked.says("hello") == SILENT
    assert await asked.says("Where is my order?") == SILENT
    assert not await asked.planned()


async def test_an_answer_carries_the_fence_of_the_conversation(scene: Scene) -> None:
    asked = await talk(scene)
    await asked.says("Where is my order?")
    (row,) = await asked.planned()
    assert row.owner_token == (await scene.get(Conversation, asked.conversation_id)).token == 0


async def test_an_answer_that_escalates_asks_for_a_person_too(scene: Scene) -> None:
    asked = await talk(scene)
    assert await asked.says("I want to complain!") == Outcome(said=True, person=ESCALATED)
    assert (await asked.hears()).text == "We are sorry."


@pytest.mark.parametrize("yes", ["yes", "Yes!", "2"])
async def test_it_helped(scene: Scene, yes: str) -> None:
    asked = await talk(scene)
    await asked.says("Where is my order?")
    await asked.hears()
    assert await asked.says(yes) == SAID
    assert (await asked.hears()).text.startswith("Glad to hear that!")
    (question,) = await asked.questions()
    assert question.helped is True
    (event,) = await scene.all(Event)
    assert (event.name, event.customer_id) == ("answer_helped", asked.person.id)
    assert event.properties == {"answer": "delivery/track@en"}


async def test_it_did_not_help_the_next_best_is_said_once_then_a_person_is_asked(scene: Scene) -> None:
    asked = await talk(scene)
    await asked.says("Where is my order?")
    no = (await asked.hears()).buttons[-1].value
    assert await asked.says("No", button=no) == SAID
    second = await asked.hears()
    assert second.text.startswith("Then perhaps this one:\n\nWait three days.")
    assert await asked.says("no") == Outcome(said=False, person=NOT_HELPED)
    assert [(row.answer, row.helped) for row in await asked.questions()] == [
        ("delivery/track@en", False), ("delivery/late@en", False)]  # fmt: skip
    assert {row.name for row in await scene.all(Event)} == {"answer_not_helped"}
    assert await asked.says("No", button=no) == SAID  # pressed once more: heard already
    assert len(await scene.all(Event)) == 2


async def test_a_verdict_counts_while_a_person_has_the_conversation(scene: Scene) -> None:
    asked = await talk(scene)
    await asked.says("Where is my order?")
    no = (await asked.hears()).buttons[-1].value
    await taken_over(asked)
    assert await asked.says("", button=no) == SAID
    assert not await asked.planned()
    assert (await asked.questions())[0].helped is False


async def test_nobody_judges_what_another_was_told(scene: Scene) -> None:
    asked, other = await talk(scene), await talk(scene)
    await asked.says("Where is my order?")
    yes = (await asked.hears()).buttons[-2].value
    assert await other.says("", button=yes) == SILENT
    assert (await asked.questions())[0].helped is None
    assert await other.says("", button="helpful:yes:") == SILENT


async def test_the_answer_is_planned_once_whatever_comes_twice(scene: Scene) -> None:
    asked = await talk(scene)
    await asked.says("Where is my order?")
    await asked.says("Where is my order?")
    assert len(await asked.planned()) == 2  # two messages, two answers
    assert {row.state for row in await scene.all(Message, direction="out")} == {MessageState.PLANNED}
    assert all(row.not_after > NOW for row in await asked.planned())
    assert (await scene.get(Conversation, asked.conversation_id)).state is ConversationState.BOT


async def test_thanks_for_an_answer_ask_nobody_for_anything(scene: Scene) -> None:
    asked = await talk(scene)
    assert await asked.says("ok") == SILENT  # to a campaign it may be an answer
    await asked.says("Where is my order?")
    await asked.hears()
    assert await asked.says("Thank you!") == SAID
    assert not await asked.planned()
    assert len(await asked.questions()) == 1
