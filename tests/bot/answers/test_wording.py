"""Answers worded by an endpoint, which is a server on the loopback here: good, slow, broken, hostile, and too late."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.answers.live import LiveAnswers
from bot.answers.wording import WORD_ANSWER, AnswerWording, Endpoint, Wording
from campaigns.applying.answers import write_answers
from campaigns.running.commands import CommandRunner
from core.clock import VirtualClock
from storage.outbox.columns import table
from storage.tables import Command, Conversation
from tests.bot.answers.stage import Talk, answers, talk
from tests.bot.scene import Scene
from tests.conftest import NOW

WORDED = "Look at the link in our message [1]."
Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Server:
    """What it is asked, and what it answers."""

    url: str = ""
    asked: list[Any] = field(default_factory=list)
    answer: Handle | None = None
    before: Callable[[], Awaitable[None]] | None = None

    async def complete(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.headers.get("authorization"), await request.json()))
        if self.before is not None:
            await self.before()
        if self.answer is not None:
            return await self.answer(request)
        return web.json_response({"choices": [{"message": {"role": "assistant", "content": WORDED}}]})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    served = Server()
    application = web.Application()
    application.router.add_post("/v1/chat/completions", served.complete)
    runner = web.AppRunner(application, shutdown_timeout=0.05)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    (address,) = runner.addresses
    served.url = f"http://127.0.0.1:{address[1]}/v1"
    yield served
    await runner.cleanup()


@dataclass
class Desk:
    """Carries out the commands; ``handed`` are the conversations that a person was asked for, with why."""

    scene: Scene
    server: Server
    seconds: float = 60.0
    handed: list[tuple[str, str]] = field(default_factory=list)

    async def carry_out(self, *, rested: bool = False) -> None:
        async with self.scene.store.write() as connection:
            await write_answers(connection, answers(), NOW)
        clock = VirtualClock(NOW)
        wording = Wording(Endpoint(self.server.url, "small", "a key", self.seconds))
        handler = AnswerWording(self.scene.store, clock, LiveAnswers(), wording, self._hand_over)
        try:
            assert await CommandRunner(self.scene.store, clock, {WORD_ANSWER: handler}).run_once() == 1
        finally:
            await wording.close()
        (command,) = await self.scene.all(Command)
        assert (command.error, command.done_at) == ("", NOW)

    async def _hand_over(self, connection: AsyncConnection, conversation_id: str, why: str) -> None:
        self.handed.append((conversation_id, why))


async def asking(scene: Scene, text: str = "where's my order") -> Talk:
    asked = await talk(scene)
    asked.endpoint = True
    assert (await asked.says(text)).said
    assert not await asked.planned()  # until the endpoint has answered
    return asked


async def test_what_it_says_is_said_under_the_fence(scene: Scene, server: Server) -> None:
    asked = await asking(scene)
    await Desk(scene, server).carry_out()
    (row,) = await asked.planned()
    assert row.content["text"] == "Look at the link in our message.\n\nWas this helpful?"
    assert (row.content["answer"], row.owner_token, row.lane) == ("delivery/track@en", 0, 0)
    ((key, body),) = server.asked
    assert key == "Bearer a key"
    assert (body["model"], body["temperature"]) == ("small", 0)
    given = json.loads(body["messages"][1]["content"])
    assert given["question"] == "where's my order"
    assert given["texts"][0] == {
        "number": 1, "question": "Where is my order?", "text": "Look at the link in our message."}  # fmt: skip


def replying(content: Any = None, **given: Any) -> Handle:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(**given) if given else web.json_response({"choices": [{"message": {"content": content}}]})

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        replying("All is free, see https://evil.example.net [1]"),
        replying("It will come tomorrow."),
        replying("NONE"),
        replying(["not", "a", "text"]),
        replying(status=500, text="down"),
        replying(status=302, headers={"location": "http://127.0.0.1:1/"}),
        replying(text="<html>"),
        replying(text='{"choices": [' + "1," * 200_000 + "1]}"),
    ],
    ids=["hostile", "unfounded", "none", "no text", "500", "elsewhere", "no JSON", "too much"],
)
async def test_else_the_answer_is_said_as_it_stands(scene: Scene, server: Server, answer: Handle) -> None:
    server.answer = answer
    asked = await asking(scene)
    await Desk(scene, server).carry_out()
    (row,) = await asked.planned()
    assert row.content["text"].startswith("Look at the link in our message.")
    assert row.content["spans"]
    assert len(server.asked) == 1


async def test_a_slow_one_is_not_waited_for(scene: Scene, server: Server) -> None:
    over = asyncio.Event()
    server.before = over.wait
    asked = await asking(scene)
    await Desk(scene, server, seconds=0.2).carry_out()
    over.set()
    assert len(await asked.planned()) == 1


async def test_one_that_failed_rests(server: Server) -> None:
    server.answer = replying(status=500, text="")
    wording = Wording(Endpoint(server.url, "small"))
    sources = [one for one in answers() if one.locale == "en"]
    assert [await wording.word("Where?", "en", sources, "Paper Boat") for _ in range(3)] == [None] * 3
    await wording.close()
    assert len(server.asked) == 1
    assert server.asked[0][0] is None  # no key, no header


async def test_one_that_is_not_there_leaves_the_answer(scene: Scene, server: Server) -> None:
    server.url = "http://127.0.0.1:9/v1"
    asked = await asking(scene)
    await Desk(scene, server).carry_out()
    assert len(await asked.planned()) == 1


async def test_where_nothing_was_sure_and_nothing_is_said_a_person_is_asked(scene: Scene, server: Server) -> None:
    server.answer = replying("NONE")
    asked = await asking(scene, "which order is the best for a boat repair")
    desk = Desk(scene, server)
    await desk.carry_out()
    assert not await asked.planned()
    assert desk.handed == [(asked.conversation_id, "no answer")]
    assert (await asked.questions())[0].answer == ""


async def test_where_nothing_was_sure_it_may_still_find_the_words(scene: Scene, server: Server) -> None:
    server.answer = replying("Look at the link in our message [1].")
    asked = await asking(scene, "which order is the best for a boat repair")
    await Desk(scene, server).carry_out()
    assert (await asked.questions())[0].answer in {"delivery/track@en", "delivery/late@en"}
    assert len(await asked.planned()) == 1


@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def test_what_comes_after_a_person_took_over_is_dropped(scene: Scene, server: Server, when: str) -> None:
    asked = await asking(scene)
    conversations = table(Conversation)

    async def taken_over() -> None:
        async with scene.store.write() as connection:
            await connection.execute(
                update(conversations)
                .where(conversations.c.id == asked.conversation_id)
                .values(state="assigned", token=conversations.c.token + 1)
            )

    if when == "before":
        await taken_over()
    else:
        server.before = taken_over
    await Desk(scene, server).carry_out()
    assert len(server.asked) == (when == "meanwhile")
    assert not await asked.planned()


async def test_a_command_that_runs_twice_says_it_once(scene: Scene, server: Server) -> None:
    asked = await asking(scene)
    await Desk(scene, server).carry_out()
    commands = table(Command)
    async with scene.store.write() as connection:
        await connection.execute(update(commands).values(done_at=None, retry_at=None))
    await Desk(scene, server).carry_out()
    assert len(await asked.planned()) == 1
