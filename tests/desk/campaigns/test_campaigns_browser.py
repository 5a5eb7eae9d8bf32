"""The campaigns in a real browser: from the list to a pause and back, mirrored for Persian, whole on a phone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from starlette.applications import Starlette
from starlette.routing import Mount

from campaigns.applying import apply
from campaigns.simulation.behaviour import Behaviour
from campaigns.simulation.playing import Play
from core.actors import SYSTEM
from core.agents import Role
from core.clock import VirtualClock, machine_now
from core.machines.campaign import CampaignState
from core.machines.message import MessageState
from core.wakeup import LocalWakeup
from desk.access import sessions
from desk.access.agents import add_agent
from desk.application import desk_application
from desk.campaigns.editing.workbench import Workbench
from desk.guard import COOKIE
from desk.live.feed import Feed
from otklik.web import serving
from storage import migrate
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Campaign, Message
from tests.campaigns.forecast.conftest import Shop
from tests.campaigns.forecast.town import settle
from tests.conftest import NOW
from tests.desk.campaigns.conftest import APPLIED, WINBACK
from tests.sandbox.browser import browsing

_CAMPAIGNS, _MESSAGES = table(Campaign), table(Message)
HOSTILE = "<script>document.title=2</script>"


@asynccontextmanager
async def looked_at(store: Store, clock: VirtualClock, bench: Workbench | None = None) -> AsyncIterator[Any]:
    """Opens pages of the desk: ``await open(path, locale, width)``; no page may complain or ask anybody else."""
    wakeup = LocalWakeup()
    application = desk_application(
        store, clock, wakeup, Feed(store, wakeup), secret="s" * 40, public_url="http://127.0.0.1", bench=bench
    )
    complaints: list[str] = []
    async with (
        serving(Starlette(routes=[Mount("/desk", application)]), "127.0.0.1", 0) as port,
        browsing() as browser,
    ):
        own = f"http://127.0.0.1:{port}"

        async def opened(path: str, locale: str = "en", width: int = 1280, **look: Any) -> Any:
            email = f"{locale}{width}{look.get('color_scheme', '')}@example.com"
            async with store.write() as connection:
                id_ = await add_agent(
                    connection, email, "Ann Stone", actor=SYSTEM, now=machine_now(), locale=locale, role=Role.MARKETER
                )
                token = await sessions.open_session(connection, id_, "a test", machine_now())
            profile = await browser.new_context(viewport={"width": width, "height": 900}, **look)
            await profile.add_cookies([{"name": COOKIE, "value": token, "url": own}])
            page = await profile.new_page()
            page.set_default_timeout(45_000)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda said: complaints.extend([said.text] if "Security Policy" in said.text else []))
            page.on("request", lambda asked: complaints.extend([] if asked.url.startswith(own) else [asked.url]))
            await page.goto(f"{own}/desk{path}")
            return page

        yield opened
        assert complaints == []


@pytest.fixture
async def desk(tmp_path: Path, shop: Shop) -> AsyncIterator[tuple[Store, VirtualClock, Any]]:
    async with await Store.open(f"sqlite:///{tmp_path / 'store.sqlite3'}") as store:
        await migrate.upgrade(store)
        await settle(store)
        await apply(store, shop(WINBACK.replace("for a year", f"for a year {HOSTILE}")), APPLIED, NOW)
        clock = VirtualClock(NOW)
        await Play(store, clock, Behaviour()).run(NOW + timedelta(days=62, hours=-1))
        async with store.write() as connection:
            some = (await connection.scalars(select(_MESSAGES.c.id).where(_MESSAGES.c.sent_at.is_not(None)))).all()
            for state, ids in ((MessageState.UNKNOWN, some[:2]), (MessageState.DELIVERED, some[9:60])):
                await connection.execute(update(_MESSAGES).where(_MESSAGES.c.id.in_(ids)).values(state=state))
        async with looked_at(store, clock) as opened:
            yield store, clock, opened


async def test_from_the_list_to_a_pause_and_back(desk: tuple[Store, VirtualClock, Any]) -> None:
    store, clock, opened = desk
    page = await opened("/campaigns")
    await page.locator(".campaign-card a").click()
    await page.locator(".journey .node").first.wait_for()
    assert await page.locator(".about script").count() == 0, "what a marketer writes is text"
    assert await page.title() != "2"
    await page.get_by_role("link", name="Pause").click()
    await page.get_by_role("button", name="Pause now").click()
    await page.locator(".badge.s-paused").wait_for()
    clock.advance_to(clock.now() + timedelta(hours=3))
    await page.get_by_role("link", name="Resume").click()
    await page.get_by_text("It stood still for").wait_for()
    await page.get_by_label("not sent").check()
    await page.get_by_role("button", name="Go on").click()
    await page.locator(".badge.s-active").wait_for()
    async with store.read() as connection:
        assert await connection.scalar(select(_CAMPAIGNS.c.state)) is CampaignState.ACTIVE
    await page.locator(".unsettled li").nth(1).wait_for()
    await page.locator(".unsettled li").first.get_by_role("button", name="It left").click()
    await page.locator(".unsettled li").nth(1).wait_for(state="detached")


async def test_what_happens_shows_by_itself(desk: tuple[Store, VirtualClock, Any]) -> None:
    store, _, opened = desk
    page = await opened("/campaigns/winback")
    await page.clock.install()
    await page.reload()
    await page.locator(".unsettled li").nth(1).wait_for()
    async with store.write() as connection:
        await connection.execute(
            update(_MESSAGES).where(_MESSAGES.c.state == MessageState.UNKNOWN).values(state=MessageState.ACCEPTED)
        )
    await page.clock.run_for(11_000)
    await page.locator(".unsettled li").first.wait_for(state="detached")


@pytest.mark.parametrize("locale", ["en", "ru", "fa"])
async def test_nothing_sticks_out_on_a_phone(desk: tuple[Store, VirtualClock, Any], locale: str) -> None:
    _, _, opened = desk
    page = await opened("/campaigns", locale, 390)
    for path in ("/campaigns", "/campaigns/winback", "/calendar?month=x", "/campaigns/winback/stop"):
        await page.goto(page.url.partition("/desk")[0] + "/desk" + path)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390, path
        assert await page.evaluate("document.documentElement.dir") == ("rtl" if locale == "fa" else "ltr")
        hidden = "[...document.querySelectorAll('.node .box, .panel')].filter(one => one.scrollWidth > one.clientWidth)"
        assert await page.evaluate(f"{hidden}.length") == 0, f"{path}: all of a step is seen without moving it"
