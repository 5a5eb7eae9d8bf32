"""A page whose news did not come through asks for them again, by itself."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.channels.webchat.stage import Stage
from tests.desk.seats import asked_for_a_person, seated, taken

no_answer = pytest.mark.parametrize("status", [0, 503], ids=["no line", "no store"])


@asynccontextmanager
async def unanswered(page: Any, address: str, status: int) -> AsyncIterator[None]:
    """Ends once a request for ``address``, made within the block, came to nothing; the next one is answered."""
    failed = asyncio.Event()

    async def fail(route: Any) -> None:
        await (route.fulfill(status=status, body="") if status else route.abort())
        failed.set()

    await page.route(address, fail)
    yield
    async with asyncio.timeout(60):
        await failed.wait()
    await page.unroute(address)


@no_answer
async def test_news_that_did_not_come_through_are_asked_for_again(stage: Stage, browser: Any, status: int) -> None:
    async with stage.window() as window, seated(browser, stage, "ann@example.com") as page:
        await window.say("before", "key-0001")
        id_ = await asked_for_a_person(stage)
        await page.goto(f"{stage.url}/desk/inbox/{id_}")
        await taken(stage, page)
        await page.locator(".head .title").get_by_text("Ann Stone").wait_for()  # and no more news come by themselves
        async with unanswered(page, "**/news?*", status):
            await window.say("while nobody answered", "key-0002")
        await page.locator(".entry.customer").get_by_text("while nobody answered").wait_for()


@no_answer
async def test_a_list_that_did_not_come_through_is_asked_for_again(stage: Stage, browser: Any, status: int) -> None:
    sockets: list[Any] = []

    def between(socket: Any) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    async with stage.window() as window, seated(browser, stage, "ann@example.com") as page:
        await window.say("hello", "key-0001")
        id_ = await asked_for_a_person(stage)
        await page.route_web_socket("**/desk/live?*", between)
        await page.goto(f"{stage.url}/desk/inbox")
        await page.locator(f"#line-{id_}").wait_for()
        async with unanswered(page, "**/desk/inbox/list?*", status):
            await page.evaluate("document.querySelector('#list .lines').classList.add('old')")
            sockets[-1].send(json.dumps({"type": "reload"}))
        await page.locator(f"#list .lines:not(.old) #line-{id_}").wait_for()
