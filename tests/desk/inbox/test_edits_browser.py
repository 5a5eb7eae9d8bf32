"""An edited answer in the desk's thread, live: the new words come where the first stood."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.agents import Role
from storage.outbox.columns import table
from storage.tables import Conversation, Message
from tests.channels.webchat.stage import Stage
from tests.desk.seats import ADMIN, enter, staffed, window


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with staffed(tmp_path, (ADMIN, "Vera", "en", Role.ADMIN)) as stage:
        yield stage


async def sent(stage: Stage, text: str) -> str:
    """Say it in the chat; gives the line's id once it is known."""
    await stage.answer(text)
    named = (table(Message).c.direction == "out", table(Message).c.provider_id.is_not(None))

    async def lines() -> list[str]:
        return [row.provider_id for row in await stage.rows(Message, *named) if row.content["text"] == text]

    return str((await stage.until(lines))[0])


async def test_new_words_come_where_the_first_stood(stage: Stage, browser: Any) -> None:
    async with window(browser, stage) as page, stage.window() as visitor:
        await visitor.say("When?", "12345678")
        line = await sent(stage, "On Munday.")
        await sent(stage, "Or on Friday.")
        [conversation] = await stage.rows(Conversation)
        await enter(page, stage, ADMIN)
        await page.goto(f"{stage.url}/desk/inbox/{conversation.id}")
        first = page.locator("#thread .entry", has_text="On Munday.")
        await first.wait_for()
        place = await first.get_attribute("id")
        await stage.answer("On Monday.", replaces=line)
        entry = page.locator(f"#{place}")
        await entry.locator(".text", has_text="On Monday.").wait_for()
        await entry.locator(".s-accepted").wait_for()  # nothing comes of it after that which would put it anew
        assert await entry.get_by_text("On Munday.").is_hidden()
        await entry.get_by_text("edited").click()
        await entry.get_by_text("On Munday.").wait_for()
        assert await page.locator("#thread .entry .text", has_text="On Monday.").count() == 1
