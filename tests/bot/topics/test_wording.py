"""How a conversation reads in its topic."""

import pytest

from bot.topics.wording import FULL, UNDELIVERED, Entry, shown, topic_name
from channels.telegram.splitting import utf16_length
from core.catalogue import LANGUAGES
from core.machines.message import MessageState

MINA = Entry("1", "customer", "Mina", "telegram", text="Where is my book?")


def bold(text: str, entries: list[Entry]) -> list[str]:
    return [text[span.start : span.end] for span in shown(entries, "en").spans if span.kind == "bold"]


def test_who_goes_on_is_named_once() -> None:
    entries = [MINA, Entry("2", "customer", "Mina", "telegram", text="Hello?"), Entry("3", "bot", text="I look.")]
    made = shown(entries, "en")
    assert made.ids == ("1", "2", "3")
    assert bold(made.text, entries) == [made.text.splitlines()[0], "🤖 Bot"]
    assert made.text.splitlines()[1:] == ["Where is my book?", "Hello?", "", "🤖 Bot", "I look."]
    assert "Mina" in made.text.splitlines()[0]


def test_events_notes_and_files_are_told() -> None:
    made = shown(
        [
            Entry("1", "event", event="AgentAssigned", detail={"agent": "Anna"}),
            Entry("2", "note", "Anna", text="a VIP"),
            Entry("3", "customer", "Mina", "email", subject="Order 7", files=("receipt.pdf",)),
            Entry("4", "event", event="SomethingNew"),
        ],
        "en",
    )
    lines = [line for line in made.text.splitlines() if line]
    assert lines[0] == "• Anna has it"
    assert lines[1:3] == ["📝 Anna", "a VIP"]
    assert lines[3].endswith("Order 7")
    assert lines[4:] == ["📎 receipt.pdf", "• SomethingNew"]


def test_an_event_does_not_repeat_the_words_above_it() -> None:
    wish = Entry("1", "customer", "Mina", "sms", text="I want a person, now")
    queued = Entry("2", "event", event="ConversationQueued", text="I want a person…")
    assert shown([wish, queued], "en").text.count("I want a person") == 1
    assert "I want a person" in shown([queued], "en").text


def test_answers_and_edits_are_marked() -> None:
    answer = Entry("1", "customer", "Mina", "telegram", text="Yes", quote="Shall I send it?", edited=True)
    assert shown([answer], "en").text.splitlines()[1:] == ["↪ Shall I send it?", "✏️ Yes"]


@pytest.mark.parametrize("locale", LANGUAGES)
@pytest.mark.parametrize("state", MessageState)
def test_whatever_became_of_an_answer_has_words(locale: str, state: MessageState) -> None:
    entry = Entry("1!", "event", event=UNDELIVERED, text="It leaves.", detail={"state": state.value, "why": "blocked"})
    text = shown([entry], locale).text
    assert "It leaves." in text
    assert "blocked" in text


def test_as_many_as_a_message_holds_go_together_and_none_is_left_out() -> None:
    entries = [Entry(str(number), "customer", "Mina", "sms", text="😀" * 700) for number in range(9)]
    seen: list[str] = []
    while entries:
        made = shown(entries, "en")
        assert utf16_length(made.text) <= FULL
        assert len(made.ids) > 1 or len(entries) == 1
        seen += made.ids
        entries = entries[len(made.ids) :]
    assert seen == [str(number) for number in range(9)]


def test_an_entry_that_is_too_long_stands_alone() -> None:
    long = Entry("2", "customer", "Mina", "email", text="word " * 2000)
    assert shown([MINA, long], "en").ids == ("1",)
    assert shown([long, MINA], "en").ids == ("2",)


def test_a_topic_is_called_by_its_customer() -> None:
    assert topic_name("Mina  Rahimi", "gopher", "en") == "Mina Rahimi · gopher"
    assert topic_name(" ", "", "en") == "?"
    assert len(topic_name("x" * 300, "gopher", "fa")) == 128
