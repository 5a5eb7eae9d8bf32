"""The desk in a real browser: an agent signs in, takes a visitor's chat and answers it; colleagues see it happen."""

from typing import Any

from bot.handoff import ownership
from core.actors import SYSTEM
from core.agents import Presence
from storage.tables import Agent, Conversation
from tests.channels.webchat.stage import Stage
from tests.desk.seats import HOSTILE, asked_for_a_person, seated, taken


async def test_a_chat_from_both_sides(stage: Stage, browser: Any) -> None:
    async with stage.window() as window, seated(browser, stage, "ann@example.com") as page:
        await window.say(f"Is it there? {HOSTILE}", "key-0001")
        told = (await window.hear("line"))["line"]["text"]  # before there is an answer: it is dropped after one
        assert told.startswith("Thank you, I have asked a colleague.")
        id_ = await asked_for_a_person(stage)
        # in one breath, as a line may be replaced at any moment; its name came after the news of it
        await page.locator(f"#line-{id_} a").evaluate("link => link.click()")
        await page.locator(".head h1").get_by_text("Vera").wait_for()
        await page.locator(".entry.customer").get_by_text("Is it there?").wait_for()
        await page.wait_for_load_state()  # with its scripts: keys mean something
        await taken(stage, page)
        await page.locator(".head").get_by_text("Ann Stone").wait_for()
        await page.locator(".composer textarea").fill("Yes, on the third shelf.")
        await page.keyboard.press("Control+Enter")
        assert (await window.hear("line"))["line"]["text"] == "Yes, on the third shelf."
        await page.locator(".entry.agent").get_by_text("Yes, on the third shelf.").wait_for()
        await page.locator(".entry.agent .s-accepted, .entry.agent .s-delivered").wait_for()
        await window.say("Wonderful!", "key-0002")
        await page.locator(".entry.customer").get_by_text("Wonderful!").wait_for()
        await page.locator("body").click()
        await page.keyboard.press("n")
        await page.locator(".composer textarea").fill("She likes poems")
        await page.locator(".composer button.act").click()
        await page.locator(".entry.note").get_by_text("She likes poems").wait_for()
        assert len(await stage.lines()) == 4, "the note did not leave"
        assert await page.title() != "1", "what a customer writes is text"
        assert await page.title() != "2"


async def test_who_is_slower_is_told(stage: Stage, browser: Any) -> None:
    async with stage.window() as window:
        await window.say("hello", "key-0001")
        id_ = await asked_for_a_person(stage)
        async with (
            seated(browser, stage, "ann@example.com") as ann,
            seated(browser, stage, "reza@example.com") as reza,
        ):
            for page in (ann, reza):
                await page.goto(f"{stage.url}/desk/inbox/{id_}")
                await page.locator(".entry.customer").wait_for()
            await ann.locator("#here").get_by_text("رضا کریمی").wait_for()
            assert await reza.evaluate("document.documentElement.dir") == "rtl"
            async with stage.store.write() as connection:
                await ownership.take(connection, id_, "somebody", actor=SYSTEM, now=stage.clock.now())
            await ann.locator(".composer textarea").fill("I am here")
            await ann.locator(".composer button.act").click()
            await ann.locator("#refused").get_by_text("not yours").wait_for()
            assert await ann.locator(".composer textarea").input_value() == "I am here", "what was written is kept"


async def test_a_chat_is_passed_on_to_who_is_chosen(stage: Stage, browser: Any) -> None:
    async with stage.window() as window, seated(browser, stage, "ann@example.com") as ann:
        reza = next(row.id for row in await stage.rows(Agent) if row.email == "reza@example.com")
        await window.say("hello", "key-0001")
        id_ = await asked_for_a_person(stage)
        await ann.goto(f"{stage.url}/desk/inbox/{id_}")
        await taken(stage, ann)
        await window.say("are you there?", "key-0002")
        await ann.locator(".entry.customer").get_by_text("are you there?").wait_for()
        await ann.locator("#head optgroup[data-from]").wait_for(state="attached")  # news of it came
        await ann.locator("#head .menu summary").click()
        await ann.locator("#head select[name=to]").select_option(f"agent:{reza}")
        await ann.locator("#head form[action$=transfer] button").click()
        await ann.locator("#head .title").get_by_text("رضا کریمی").wait_for()
        assert {(row.id, row.agent) for row in await stage.rows(Conversation)} == {(id_, reza)}


async def test_a_page_that_slept_catches_up(stage: Stage, browser: Any) -> None:
    async with stage.window() as window, seated(browser, stage, "ann@example.com", width=390) as page:
        await window.say("before", "key-0001")
        id_ = await asked_for_a_person(stage)
        await page.goto(f"{stage.url}/desk/inbox/{id_}")
        await page.locator(".entry.customer").get_by_text("before").wait_for()
        await page.context.set_offline(offline=True)
        await window.say("while it slept", "key-0002")
        await page.context.set_offline(offline=False)
        await page.locator(".entry.customer").get_by_text("while it slept").wait_for()
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, "nothing sticks out on a phone"


async def test_signed_out_is_out(stage: Stage, browser: Any) -> None:
    async with seated(browser, stage, "ann@example.com") as page:
        await page.get_by_role("button", name="Sign out").click()
        await page.wait_for_selector("[name=password]")
        await page.goto(f"{stage.url}/desk/inbox")
        await page.wait_for_selector("[name=password]")
        assert {row.presence for row in await stage.rows(Agent)} == {Presence.OFFLINE}
