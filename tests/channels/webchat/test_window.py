"""The window in a real browser, on a page of the shop's site: what is said arrives, and nothing that is said runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from core.messages import WEBCHAT
from storage import migrate
from storage.store import Store
from tests.channels.webchat.stage import Stage, set_stage
from tests.sandbox.browser import browsing

HOSTILE = (
    "<img src=x onerror=\"document.title='run'\">", "<script>document.title='run'</script>",
    "javascript:document.title='run'", "https://example.org/\"onmouseover=\"document.title='run'",
    "<svg onload=document.title='run'>", "<a href=\"javascript:document.title='run'\">x</a>",
)  # fmt: skip

KEEP_SOCKETS = """window.opened = []; const Real = WebSocket;
window.WebSocket = class extends Real { constructor(url) { super(url); window.opened.push(this); } };"""


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with await Store.open(f"sqlite:///{tmp_path / 'store.sqlite3'}") as store:
        await migrate.upgrade(store)
        async with set_stage(store, tmp_path, origins="*") as stage:
            yield stage


@asynccontextmanager
async def shop_page(chat: str, attributes: str = "") -> AsyncIterator[str]:
    """A page of a shop on another origin, with the chat's script on it."""

    async def page(_: web.Request) -> web.Response:
        html = f'<!doctype html><html lang="en"><title>shop</title><body><script src="{chat}/chat.js" {attributes}>'
        return web.Response(text=html + "</script></body></html>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def visiting(url: str, width: int = 1000) -> AsyncIterator[Any]:
    """A tab on that page; it must not complain."""
    async with browsing() as browser:
        context = await browser.new_context(viewport={"width": width, "height": 760})
        tab = await context.new_page()
        tab.set_default_timeout(45_000)
        complaints: list[str] = []
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        await tab.add_init_script(KEEP_SOCKETS)
        await tab.goto(url)
        yield tab
        assert complaints == []


async def say(tab: Any, text: str) -> None:
    await tab.locator("textarea").fill(text)
    await tab.keyboard.press("Enter")


async def test_visitor_writes_reads_and_presses(stage: Stage) -> None:
    async with shop_page(stage.url) as url, visiting(url) as tab:
        await tab.get_by_role("button", name="Open the chat").click()
        await say(tab, "Do you deliver?")
        await tab.locator(".line.visitor time").wait_for()
        await stage.answer("Yes.", buttons=[{"label": "Good", "value": "good", "url": ""}])
        await tab.locator(".line.shop", has_text="Yes.").wait_for()
        await tab.get_by_role("button", name="Good").click()

        async def pressed() -> bool:
            heard = await stage.message("in")
            return bool(heard.content) and heard.content.get("button") == "good"

        await stage.until(pressed)
        await tab.reload()
        await tab.get_by_role("button", name="Open the chat").click()
        await tab.locator(".line", has_text="Yes.").wait_for()
        assert await tab.locator(".line").count() == 3, "the history is there after a reload"


async def test_an_edited_answer_takes_the_place_of_the_first(stage: Stage) -> None:
    async with shop_page(stage.url) as url, visiting(url) as tab:
        await tab.get_by_role("button", name="Open the chat").click()
        await say(tab, "When?")
        await tab.locator(".line.visitor time").wait_for()
        await stage.answer("On Munday.")
        first = tab.locator(".line.shop")
        await first.get_by_text("On Munday.").wait_for()
        line = next(one for one in await stage.lines() if one.direction == "out")
        await stage.answer(HOSTILE[0], replaces=line.id)
        await first.locator(".bubble", has_text=HOSTILE[0]).wait_for()
        await stage.answer("On Monday.", replaces=line.id)
        await first.locator(".bubble", has_text="On Monday.").wait_for()
        await tab.reload()
        await tab.get_by_role("button", name="Open the chat").click()
        await first.locator(".bubble", has_text="On Monday.").wait_for()
        assert await first.count() == 1
        assert await first.get_by_text("On Munday.").is_hidden()
        await first.get_by_text("edited").click()
        assert await first.get_by_text("On Munday.").is_visible()
        assert await tab.title() == "shop"


async def test_a_voice_is_heard_and_a_picture_seen_there(stage: Stage) -> None:
    async with visiting(f"{stage.url}/chat?lang=en") as tab:
        await say(tab, "Hello")
        await tab.locator(".line.visitor time").wait_for()
        files = {
            "voice.ogg": "/media/v/voice.ogg",
            "a.png": "/media/p/a.png",
            "b.png": "/c/counted",
            "x.pdf": "/media/x",
        }
        buttons = [{"label": label, "value": "", "url": stage.url + at} for label, at in files.items()]
        foreign = {"label": "y.ogg", "value": "", "url": "https://example.org/y.ogg"}
        await stage.answer("Listen.", buttons=[*buttons, foreign])
        await tab.locator(".line.shop .choices a").nth(4).wait_for()
        heard = await tab.locator(".choices audio").evaluate_all("all => all.map(one => [one.src, one.preload])")
        seen = await tab.locator(".choices img").evaluate_all("all => all.map(one => one.src)")
        assert heard == [[stage.url + files["voice.ogg"], "none"]], (
            "a link may count clicks: nothing is fetched unasked"
        )
        assert seen == [stage.url + files["a.png"]]
        await tab.locator(".choices img").wait_for(state="hidden")  # there is none: its link is enough


async def test_nothing_that_is_said_runs(stage: Stage) -> None:
    async with shop_page(stage.url) as url, visiting(url) as tab:
        await tab.get_by_role("button", name="Open the chat").click()
        await say(tab, HOSTILE[0])
        await tab.locator(".line.visitor time").wait_for()
        adapter: Any = stage.service.adapters[WEBCHAT]
        visitor = (await stage.customer()).address
        for number, text in enumerate(HOSTILE):
            spans = [{"start": 0, "end": len(text), "kind": "link", "url": "javascript:document.title='run'"}]
            buttons = [{"label": text, "value": "", "url": "javascript:document.title='run'"}]
            content = {"spans": spans, "buttons": buttons} if number % 2 else {}
            await adapter.lines.add(visitor, "out", f"{number:026}", text, content)
        adapter.hub.nudge(visitor)
        await tab.locator(".line.shop").nth(len(HOSTILE) - 1).wait_for()
        assert await tab.title() == "shop"
        assert await tab.locator(".line img, .line script, .line svg").count() == 0
        for address in await tab.locator(".line a").evaluate_all("all => all.map(one => one.href)"):
            assert address.startswith("https://"), address


async def test_what_is_written_without_a_connection_goes_once_it_is_back(stage: Stage) -> None:
    async with shop_page(stage.url) as url, visiting(url, width=390) as tab:
        await tab.get_by_role("button", name="Open the chat").click()
        await say(tab, "first")
        await tab.locator(".line.visitor time").wait_for()
        await tab.context.set_offline(True)
        await tab.evaluate("window.opened.at(-1).close()")
        await tab.locator(".notice", has_text="No connection").wait_for()
        await say(tab, "second")
        await tab.locator(".meta", has_text="Not sent yet").wait_for()
        assert len(await stage.lines()) == 1
        await tab.context.set_offline(False)
        await tab.locator(".line.visitor time").nth(1).wait_for()
    assert [line.text for line in await stage.lines()] == ["first", "second"]


@pytest.mark.parametrize(("locale", "direction"), [("ru", "ltr"), ("fa", "rtl")])
async def test_page_of_its_own_speaks_and_stands_as_its_reader(stage: Stage, locale: str, direction: str) -> None:
    async with visiting(f"{stage.url}/chat?lang={locale}", width=390) as tab:
        chat = tab.locator("otklik-chat")
        assert await chat.get_attribute("dir") == direction
        await say(tab, "salam")
        await tab.locator(".line.visitor time").wait_for()
        box = await tab.locator(".panel").bounding_box()
        assert box["width"] == 390
        assert len(await stage.lines()) == 1
