"""The desk in Telegram with a whole service: what customers and staff see, on the sandbox's phones and in its group."""

import asyncio
from pathlib import Path

import pytest

from bot.handoff.answering import Draft, answer
from core.clock import machine_now
from core.machines.conversation import ConversationState
from core.purposes import Purpose
from storage.store import Store
from storage.tables import Agent, Conversation, DeskTopic, Message
from tests.bot.topics.whole import HUMAN, PROMISE, Whole, set_stage
from tests.faults.polling import until
from tests.sandbox.groups import GROUP


async def test_a_chat_from_the_first_word_to_the_last(store: Store, tmp_path: Path) -> None:
    async with set_stage(store, tmp_path) as whole:
        thread = await whole.opened()
        await whole.group.do("write", thread, text="It leaves today.")
        await whole.phone("It leaves today.")
        row = await whole.becomes(ConversationState.ASSIGNED)
        await whole.customer("Thank you! And the other one?")
        shown = await whole.shows(thread, "And the other one?", "Olga has it")
        assert "It leaves today." not in shown  # it stands there in its writer's own words

        # the same chat from the web: what is written there stands in the topic
        async with store.write() as connection:
            await answer(connection, row.id, row.agent, int(row.token), Draft("web", "Tomorrow."), machine_now())
        await whole.phone("Tomorrow.")
        await whole.shows(thread, "Tomorrow.")

        await whole.group.do("write", thread, text="/note she is in a hurry")
        await whole.group.do("write", thread, text="/customer")
        await whole.shows(thread, "she is in a hurry", "telegram: 5001")
        await whole.group.do("write", thread, "pavel", text="I can help")
        await whole.shows(thread, "Olga has this chat")
        await whole.group.do("write", thread, "pavel", text="/take")
        pavel = next(one.id for one in await whole.rows(Agent) if one.name == "Pavel")
        await whole.becomes(ConversationState.ASSIGNED, agent=pavel)
        await whole.group.do("write", thread, "pavel", text="/snooze 2h")
        await whole.becomes(ConversationState.SNOOZED)
        await whole.customer("Hello?")
        await whole.becomes(ConversationState.ASSIGNED)
        await whole.group.do("write", thread, "pavel", text="/canned nothing")
        await whole.shows(thread, "There is no reply")
        await whole.group.do("write", thread, "pavel", text="/return")
        await whole.becomes(ConversationState.BOT)
        await whole.customer("human")
        await whole.becomes(ConversationState.QUEUED)
        await whole.group.do("write", thread, text="/resolve")
        await whole.becomes(ConversationState.RESOLVED)
        await until(lambda: _closed(whole), "the topic to be closed")
        assert len(await whole.group.topics()) == 1
        said = whole.sandbox.texts("anna", "telegram")
        assert not any("hurry" in one or "I can help" in one or "/take" in one for one in said)


@pytest.mark.parametrize("workers", [1, 2])
async def test_first_messages_at_once_make_one_topic(store: Store, tmp_path: Path, workers: int) -> None:
    async with set_stage(store, tmp_path, workers) as whole:
        await asyncio.gather(*(whole.customer(text) for text in (HUMAN, "human", "Hello!")))
        await whole.shows("Anna", HUMAN, "Hello!")
        await asyncio.gather(*(whole.customer(f"line {number}") for number in range(5)))
        shown = await whole.shows("Anna", *(f"line {number}" for number in range(5)))
        assert all(shown.count(f"line {number}") == 1 for number in range(5))
        assert len(await whole.group.topics()) == 1
        assert len(await whole.rows(DeskTopic)) == len(await whole.rows(Conversation)) == 1


async def test_a_topic_heals_and_none_of_the_customers_words_is_lost(store: Store, tmp_path: Path) -> None:
    async with set_stage(store, tmp_path) as whole:
        thread = await whole.opened()
        await whole.group.do("write", thread, text="One moment.")
        await whole.phone("One moment.")
        await whole.group.do("delete_topic", thread)
        await whole.customer("Are you there?")
        again = await until(lambda: _another(whole, thread), "another topic")
        await whole.shows(again, HUMAN, "One moment.", "Are you there?")
        await whole.group.do("write", again, text="Here!")
        await whole.phone("Here!")

        await whole.group.do("close_topic", again)
        await whole.customer("And now?")
        await whole.shows(again, "And now?")
        await until(lambda: _open(whole), "the topic to be open again")
        await whole.group.do("write", again, "pavel", text="/take")  # who is no administrator can write there

        await whole.group.set_up(closed_to_all=True)
        await whole.group.do("close_topic", again)
        await whole.customer("Still?")
        await whole.shows(again, "Still?")
        assert len(await whole.group.topics()) == 1


async def test_a_topic_whose_making_was_not_answered_is_told(store: Store, tmp_path: Path) -> None:
    async with set_stage(store, tmp_path) as whole:
        lost = {"provider": "telegram", "to": str(GROUP), "kind": "accept_then_drop", "count": 1}
        await whole.sandbox.post("/control/faults", [lost])
        await whole.customer(HUMAN)
        await until(lambda: _made(whole, 2), "the second topic")
        await whole.shows("Anna", HUMAN, "begun twice")
        first, second = (topic["id"] for topic in await whole.group.topics())
        assert (await whole.topic()).thread_id == second
        assert await whole.group.posts(first) == []


async def test_the_bot_is_silent_while_people_have_the_chat(store: Store, tmp_path: Path) -> None:
    async with set_stage(store, tmp_path) as whole:
        thread = await whole.opened()
        await whole.group.do("write", thread, text="I am here.")
        await whole.phone("I am here.")
        await whole.customer("HELP")  # an order is carried out; it is no talk of the bot
        await whole.customer("human")
        await whole.customer("What is the price?")
        await whole.shows(thread, "What is the price?")
        said = [row for row in await whole.rows(Message) if row.direction == "out" and row.purpose != Purpose.SERVICE]
        texts = sorted(row.content["text"].partition(PROMISE)[1] or row.content["text"] for row in said)
        assert texts == ["I am here.", PROMISE], "whether it has left or not, the bot wrote nothing more"


async def _closed(whole: Whole) -> bool:
    return all(topic["closed"] for topic in await whole.group.topics())


async def _open(whole: Whole) -> bool:
    return not any(topic["closed"] for topic in await whole.group.topics())


async def _another(whole: object, thread: int) -> int:
    found = [topic["id"] for topic in await whole.group.topics()]
    return next((one for one in found if one != thread), 0)


async def _made(whole: object, number: int) -> bool:
    return len(await whole.group.topics()) == number
