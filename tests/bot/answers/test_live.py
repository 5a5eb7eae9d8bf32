"""The index follows what is applied; looking for nothing new is cheap, and several who look build it once."""

import asyncio

import pytest

from bot.answers.index import Index
from bot.answers.live import LiveAnswers
from campaigns.applying.answers import write_answers
from campaigns.definition.answers import Answer
from storage.store import Store
from tests.conftest import NOW

HERE = Answer(id="a/where", topic="a", locale="en", questions=("Where is it?",), body="Here.")
THERE = HERE.model_copy(update={"body": "There."})


async def apply(store: Store, *answers: Answer) -> None:
    async with store.write() as connection:
        await write_answers(connection, answers, NOW)


async def test_the_index_follows_what_is_applied(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[int] = []
    build = Index.build

    def counted(answers: tuple[Answer, ...]) -> Index:
        built.append(len(answers))
        return build(answers)

    live = LiveAnswers()
    monkeypatch.setattr(Index, "build", counted)
    assert len(await live.refresh(store)) == 0
    await apply(store, HERE)
    assert {id(index) for index in await asyncio.gather(*(live.refresh(store) for _ in range(3)))} == {id(live.index)}
    assert live.index.find("Where is it?")[0].answer == HERE
    await live.refresh(store)
    await apply(store, THERE)
    assert (await live.refresh(store)).find("where is it")[0].answer.body == "There."
    await apply(store)
    assert len(await live.refresh(store)) == 0
    assert built == [1, 1, 0]


async def test_an_answer_is_known_by_its_key_and_by_its_name(store: Store) -> None:
    russian = HERE.model_copy(update={"locale": "ru", "questions": ("Где это?",)})
    await apply(store, HERE, russian)
    index = await LiveAnswers().refresh(store)
    assert index.get("a/where@ru") == russian
    assert index.get("a/where@de") is None
    assert (index.named("a/where", "ru"), index.named("a/where", "de")) == (russian, HERE)
    assert index.named("b", "ru") is None
