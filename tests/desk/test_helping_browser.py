"""What helps agents to help each other, in a real browser: languages, mentions, quiet notices."""

from datetime import timedelta
from typing import Any

from sqlalchemy import update

from core.agents import Presence
from storage.outbox.columns import table
from storage.tables import Agent, Conversation
from tests.channels.webchat.stage import Stage
from tests.desk.seats import asked_for_a_person, seated, taken


async def speaks(stage: Stage, email: str, language: str, presence: Presence = Presence.ONLINE) -> None:
    rows = table(Agent)
    async with stage.store.write() as connection:
        values = {"languages": [language], "presence": presence}
        await connection.execute(update(rows).where(rows.c.email == email).values(**values))


async def test_a_chat_goes_to_who_speaks_its_language_and_a_note_calls_its_owner(stage: Stage, browser: Any) -> None:
    await speaks(stage, "ann@example.com", "en")
    await speaks(stage, "reza@example.com", "fa", Presence.AWAY)  # else the chat is given to him at once
    async with stage.window() as window:
        await window.say("سلام، سفارش من کجاست؟", "key-0001")
        id_ = await asked_for_a_person(stage)
        async with stage.store.write() as connection:
            await connection.execute(table(Conversation).update().values(language="fa"))
        async with seated(browser, stage, "ann@example.com") as page:
            await page.goto(f"{stage.url}/desk/inbox/{id_}")
            await page.locator(".entry.customer").first.wait_for()
            await taken(stage, page)
            await speaks(stage, "reza@example.com", "fa")
            await page.reload()
            await page.locator(".tongue").get_by_text("Writes in Persian").wait_for()
            await page.locator(".composer textarea").fill("Your order is on its way to you")
            await page.locator("#tongue").get_by_text("this looks like English").wait_for()
            await page.locator(".composer textarea").fill("سفارش شما در راه است")
            await page.locator("#tongue").get_by_text("English").wait_for(state="detached")
            await page.locator(".tongue button").click()
            await page.locator(".head .title").get_by_text("رضا کریمی").wait_for()
            await page.locator("body").click()
            await page.keyboard.press("n")
            await page.locator(".composer textarea").fill("@رضا لطفا شما")
            await page.locator(".composer button.act").click()
            await page.locator(".entry.note").wait_for()
        async with seated(browser, stage, "reza@example.com") as page:
            await page.locator("[data-mentions]").get_by_text("۱").wait_for()
            await page.locator(".notices a").get_by_text("Ann Stone").wait_for()
            await page.locator('a[href="/desk/mentions"]').click()
            await page.locator(".line").get_by_text("@رضا").wait_for()
            await page.wait_for_load_state()  # with its script, which keeps what was seen
            assert await page.locator("html").get_attribute("dir") == "rtl"
            await page.goto(f"{stage.url}/desk/inbox")
            await page.wait_for_load_state("networkidle")
            assert await page.locator("[data-mentions]").inner_text() == ""


async def test_what_is_urgent_or_late_is_said_quietly(stage: Stage, browser: Any) -> None:
    async with stage.window() as window:
        await window.say("hello", "key-0001")
        async with seated(browser, stage, "ann@example.com", 390) as page:
            await asked_for_a_person(stage)
            async with stage.store.write() as connection:
                due = stage.clock.now() - timedelta(minutes=1)
                await connection.execute(table(Conversation).update().values(answer_due=due))
            await window.say("hello?", "key-0002")
            await page.locator(".notices a").get_by_text("has waited longer than promised").wait_for()
            await page.locator(".notices button").click()
            assert await page.locator(".notices p").count() == 0
            wide = await page.evaluate("document.documentElement.scrollWidth")
            assert wide <= 390
