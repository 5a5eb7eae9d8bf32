"""What brings a person: a wish, angry words, a VIP, an answer that nobody is sure of. Flows, campaigns: elsewhere."""

from dataclasses import replace

import pytest

from bot.answers.index import Index
from bot.context import Voice
from bot.routing import handle
from campaigns.applying import apply
from campaigns.definition import Brand, WorkspaceConfig
from campaigns.segments.reading import read_stored
from campaigns.workspace.loader import Workspace
from core.actors import Actor
from core.agents import Presence
from core.machines.conversation import ConversationState
from core.messages import TELEGRAM, Address
from storage.outbox.columns import table
from storage.tables import Agent, Conversation, ConversationEvent, Message
from tests.bot.answers.stage import answers
from tests.bot.scene import Scene, written
from tests.conftest import NOW

S = ConversationState
VERA = Address(TELEGRAM, "5501", "99")
CONFIG = WorkspaceConfig.model_validate({"brand": Brand(name="Paper Boat"), "desk": {"angry": {"ru": ["кошмар"]}}})
VIP = CONFIG.model_copy(update={"desk": CONFIG.desk.model_copy(update={"vip": "regulars"})})


async def said(scene: Scene, text: str, config: WorkspaceConfig = CONFIG) -> None:
    """Vera writes it to a desk with an agent and a few answers."""
    made = Agent(name="Ann", email="ann@example.com", presence=Presence.ONLINE, created_at=NOW)
    context = replace(scene.context(), config=config, voice=Voice(Index.build(answers())))
    async with scene.store.write() as connection:
        await connection.execute(table(Agent).insert(), made.model_dump())
        await handle(connection, written(VERA, text, key="1"), context)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Let me talk to a human", "asked"), ("позовите оператора", "asked"), ("با پشتیبان صحبت کنم", "asked"),
        ("This is outrageous!", "angry"), ("Это просто кошмар", "angry"), ("این کلاهبرداری است", "angry"),
        ("Do you repair bicycles?", "no answer"), ("I want to complain", "escalated"),
        ("Where is my order?", ""), ("Вы мошенники", "no answer"), ("hello", ""), ("سلام", ""),
    ],
)  # fmt: skip
async def test_words_that_bring_a_person(scene: Scene, text: str, why: str) -> None:
    await said(scene, text)
    (row,) = await scene.all(Conversation)
    assert row.state is (S.QUEUED if why else S.BOT)
    assert [one.detail["why"] for one in await scene.all(ConversationEvent)] == ([why] if why else [])
    assert await scene.all(Message, direction="out"), "nobody is left in silence"


async def test_a_regular_gets_a_person_by_writing_at_all_and_goes_first(scene: Scene) -> None:
    everybody = read_stored("regulars", {"where": {"field": "id", "is_set": True}})
    shop = Workspace(config=VIP, segments={"regulars": everybody}, campaigns={})
    await apply(scene.store, shop, Actor("operator", "x"), NOW)
    await said(scene, "Where is my order?", VIP)
    (row,) = await scene.all(Conversation)
    (event,) = await scene.all(ConversationEvent)
    assert (row.state, row.priority, event.detail["why"]) == (S.QUEUED, 2, "vip")
