"""The ``answer`` step of a flow: what is said in it, under the run's fence, and what it does not know."""

from bot.answers.flows import FlowAnswers
from bot.answers.live import LiveAnswers
from bot.flows.carrying import Answers, Place
from campaigns.applying.answers import write_answers
from core.clock import VirtualClock
from tests.bot.answers.stage import answers, talk
from tests.bot.scene import Scene
from tests.conftest import NOW


async def test_a_flow_asks_the_answers(scene: Scene) -> None:
    asked = await talk(scene, locale="ru")
    await asked.says("👍")  # the message that the flow is at
    async with scene.store.write() as connection:
        await write_answers(connection, answers(), NOW)
    live = LiveAnswers()
    await live.refresh(scene.store)
    bot: Answers = FlowAnswers(live, VirtualClock(NOW))
    place = Place(asked.person.id, asked.person.identities["telegram"], "telegram", asked.conversation_id, 7)
    async with scene.store.write() as connection:
        assert await bot(connection, place, "как вернуть книгу?", "flow:1")
        assert await bot(connection, place, "как вернуть книгу?", "flow:1")
        assert not await bot(connection, place, "какая погода", "flow:2")
    (row,) = await asked.planned()
    assert (row.content["text"], row.owner_token, row.client_token) == ("В течение 30 дней.", 7, "flow:1")
    assert "buttons" not in row.content
    (question,) = await asked.questions()
    assert (question.answer, question.message_id) == ("returns/how@ru", asked.message_id)
