"""The inbox in a real browser as agents use it all day."""

from typing import Any

from sqlalchemy import select

from core.actors import SYSTEM
from core.agents import Role
from desk.access.agents import change
from desk.canned.replies import Reply, keep
from storage.outbox.columns import table
from storage.tables import CannedReply
from tests.channels.webchat.stage import Stage
from tests.desk.test_desk_browser import asked_for_a_person, browser, seated, stage

__all__ = ["browser", "stage"]


async def opened(stage: Stage, page: Any) -> str:
    """The visitor's conversation, on the agent's screen."""
    id_ = await asked_for_a_person(stage)
    await page.goto(f"{stage.url}/desk/inbox/{id_}")
    await page.locator(".entry.customer").first.wait_for()
    return id_


async def test_a_canned_reply_by_a_stroke(stage: Stage, browser: Any) -> None:
    async with stage.store.write() as connection:
        for name, text in (("hello", "Hello {{ customer.first_name }}!"), ("bye", "Good bye")):
            await keep(connection, Reply("", name, "", text), actor=SYSTEM, now=stage.clock.now())
    async with stage.window() as window, seated(browser, stage, "ann@example.com") as page:
        await window.say("hi", "key-0001")
        await opened(stage, page)
        await page.locator("body").click()
        await page.keyboard.press("/")
        await page.locator("#canned li").nth(1).wait_for()
        await page.keyboard.type("hel")
        await page.locator("#canned li").get_by_text("Hello Vera!").wait_for()
        assert await page.locator("#canned li").count() == 1
        await page.keyboard.press("Enter")
        assert await page.locator(".composer textarea").input_value() == "Hello Vera!"
        assert await page.locator("#canned").is_hidden()
        assert await page.locator(".badge.ch-webchat").first.inner_text() == "Web chat"


async def test_marketers_keep_the_replies(stage: Stage, browser: Any) -> None:
    async with seated(browser, stage, "ann@example.com") as page:
        assert (await page.goto(f"{stage.url}/desk/canned")).status == 403
        async with stage.store.write() as connection:
            now = stage.clock.now()
            await change(connection, "ann@example.com", {"role": Role.MARKETER}, actor=SYSTEM, now=now)
        await page.goto(f"{stage.url}/desk/canned")
        await page.locator("form.panel [name=name]").fill("late")
        await page.locator("form.panel textarea").fill("It is {{ customer.late }}")
        await page.locator("form.panel button").click()
        await page.get_by_role("alert").get_by_text("customer.late").wait_for()
        assert await page.locator("form.panel [name=name]").input_value() == "late", "what was written is kept"
        await page.locator("form.panel textarea").fill("It is late, {{ customer.first_name }}")
        await page.locator("form.panel button").click()
        await page.locator("details.panel").get_by_text("/late").wait_for()
    async with stage.store.read() as connection:
        assert list(await connection.scalars(select(table(CannedReply).c.name))) == ["late"]


async def test_somebody_is_found_from_the_keyboard(stage: Stage, browser: Any) -> None:
    async with stage.window() as window, seated(browser, stage, "ann@example.com") as page:
        await window.say("where is my lantern", "key-0001")
        id_ = await asked_for_a_person(stage)
        await page.goto(f"{stage.url}/desk/inbox")
        await page.locator(f"#line-{id_}").wait_for()
        await page.keyboard.press("Control+k")
        await page.keyboard.type("lantern")
        await page.locator("dialog .line").get_by_text("Vera").wait_for()
        await page.keyboard.press("Enter")
        await page.locator(".entry.customer").get_by_text("lantern").wait_for()
        await page.goto(f"{stage.url}/desk/search?q=nobody+here")
        await page.get_by_text("Nobody fits this").wait_for()
