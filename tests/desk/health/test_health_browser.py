"""The health page in a real browser: found in the rooms, quiet while all is well, and by itself not when it is not."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.actors import SYSTEM
from core.agents import Role
from core.clock import machine_now
from core.errors import ChannelFault
from desk.access.agents import add_agent, set_password
from storage import migrate
from storage.store import Store
from tests.channels.webchat.stage import Stage, set_stage
from tests.desk.test_team_browser import PASSWORD, enter, window
from tests.sandbox.browser import browsing


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with await Store.open(f"sqlite:///{tmp_path / 'store.sqlite3'}") as store:
        await migrate.upgrade(store)
        async with store.write() as connection:
            await add_agent(connection, "vera@example.com", "Vera", actor=SYSTEM, now=machine_now(), role=Role.ADMIN)
            await set_password(connection, "vera@example.com", PASSWORD, actor=SYSTEM, now=machine_now())
        async with set_stage(store, tmp_path) as stage:
            yield stage


async def test_trouble_comes_to_who_looks(stage: Stage) -> None:
    async with browsing() as browser, window(browser, stage, width=390) as page:
        await enter(page, stage, "vera@example.com", PASSWORD)
        await page.get_by_role("link", name="Health").click()
        await page.get_by_text("Everything moves. Nothing needs you.").wait_for()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        stage.service.dispatchers[0].rest.fault(ChannelFault("the <b>token is wrong"))
        await stage.service.signs.give()
        await page.locator(".verdict.bad", has_text="the <b>token is wrong").wait_for()
        await page.locator(".account.bad .state.bad").wait_for()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
