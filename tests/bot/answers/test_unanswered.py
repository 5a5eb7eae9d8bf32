"""What the marketer sees: questions without an answer, alike ones together, and what the answers came to."""

from datetime import timedelta

from bot.answers.unanswered import Unanswered, tallies, unanswered
from tests.bot.answers.stage import talk
from tests.bot.scene import Scene
from tests.conftest import NOW

LONG_AGO = NOW - timedelta(days=90)


async def asked_for(scene: Scene, since: object = LONG_AGO, **given: object) -> list[Unanswered]:
    async with scene.store.read() as connection:
        return await unanswered(connection, since, **given)  # type: ignore[arg-type]


async def test_alike_questions_are_one_most_asked_first(scene: Scene) -> None:
    first, second = await talk(scene), await talk(scene, locale="ru")
    await first.says("Do you repair  bicycles?")
    await second.says("repairing of bicycles")
    await first.says("do you repair bicycles, please!")
    await second.says("какая сегодня погода")
    found = await asked_for(scene)
    assert [(one.question, one.language, one.times, one.customers) for one in found] == [
        ("Do you repair bicycles?", "en", 3, 2),
        ("какая сегодня погода", "ru", 1, 1),
    ]
    assert (found[0].channels, found[0].first_at, found[0].not_helped) == (("telegram",), NOW, 0)
    assert [one.language for one in await asked_for(scene, language="ru")] == ["ru"]
    assert len(await asked_for(scene, limit=1)) == 1
    assert not await asked_for(scene, NOW + timedelta(days=1))


async def test_answers_that_did_not_help_are_asked_for_again(scene: Scene) -> None:
    asked = await talk(scene)
    await asked.says("How do I return a book?")
    await asked.hears()
    assert not await asked_for(scene)
    assert (await asked.says("no")).person == "not helped"
    (one,) = await asked_for(scene)
    assert (one.question, one.not_helped, one.nearest) == ("How do I return a book?", 1, "returns/how@en")


async def test_what_answers_came_to(scene: Scene) -> None:
    asked = await talk(scene)
    for verdict in ("yes", "no", ""):
        await asked.says("How do I return a book?")
        await asked.hears()
        if verdict:
            await asked.says(verdict)
    async with scene.store.read() as connection:
        (one,) = await tallies(connection, LONG_AGO)
        assert not await tallies(connection, NOW + timedelta(days=1))
    assert (one.answer, one.said, one.helped, one.not_helped, one.last_at) == ("returns/how@en", 3, 1, 1, NOW)
