"""The health page in a real browser: found in the rooms, quiet while all is well, and by itself not when it is not."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.agents import Role
from core.errors import ChannelFault
from tests.channels.webchat.stage import Stage
from tests.desk.seats import ADMIN, enter, staffed, window


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with staffed(tmp_path, (ADMIN, "Vera", "en", Role.ADMIN)) as stage:
        yield stage


async def test_trouble_comes_to_who_looks(stage: Stage, browser: Any) -> None:
    async with window(browser, stage, width=390) as page:
        await enter(page, stage, ADMIN)
        await page.get_by_role("link", name="Health").click()
        await page.get_by_text("Everything moves. Nothing needs you.").wait_for()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        stage.service.dispatchers[0].rest.fault(ChannelFault("the <b>token is wrong"))
        await stage.service.signs.give()
        await page.locator(".verdict.bad", has_text="the <b>token is wrong").wait_for()
        await page.locator(".account.bad .state.bad").wait_for()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
