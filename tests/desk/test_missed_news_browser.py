"""A page whose news did not come through asks for them again, by itself."""

import asyncio
from typing import Any

import pytest

from tests.channels.webchat.stage import Stage
from tests.desk.seats import asked_for_a_person, seated, taken


@pytest.mark.parametrize("status", [0, 503], ids=["no line", "no store"])
async def test_news_that_did_not_come_through_are_asked_for_again(stage: Stage, browser: Any, status: int) -> None:
    async with stage.window() as window, seated(browser, stage, "ann@example.com") as page:
        await window.say("before", "key-0001")
        id_ = await asked_for_a_person(stage)
        await page.goto(f"{stage.url}/desk/inbox/{id_}")
        await taken(stage, page)
        await page.locator(".head .title").get_by_text("Ann Stone").wait_for()  # and no more news come by themselves
        failed = asyncio.Event()

        async def fail(route: Any) -> None:
            await (route.fulfill(status=status, body="") if status else route.abort())
            failed.set()

        await page.route("**/news?*", fail)
        await window.say("while nobody answered", "key-0002")
        async with asyncio.timeout(60):
            await failed.wait()
        await page.unroute("**/news?*")
        await page.locator(".entry.customer").get_by_text("while nobody answered").wait_for()
