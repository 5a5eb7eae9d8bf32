"""A real browser for the page's tests: Chromium, driven by Playwright; absent, those tests are skipped by name."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

_ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-gpu", "--disable-dev-shm-usage"]
_NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str:
    """Where Chromium is, or a skip that says what to install."""
    fixed = Path("/usr/bin/chromium")
    found = str(fixed) if fixed.is_file() else next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip("there is no Chromium: install chromium to test the page in a browser")
    return found


@dataclass
class Visit:
    """A page with what it complained of and which addresses it asked for."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def seat(self, key: str) -> Any:
        return self.page.locator(f'.seat[data-key="{key}"]')

    async def open_app(self, key: str, app: str) -> Any:
        await self.seat(key).locator(f".app[data-app={app}]").click()
        return self.seat(key).locator(".app-view")


@asynccontextmanager
async def browsing() -> AsyncIterator[Any]:
    """A browser, without a window."""
    playwright = pytest.importorskip("playwright.async_api")
    executable = chromium()
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=executable, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def visiting(browser: Any, url: str, **context: Any) -> AsyncIterator[Visit]:
    """Open ``url`` in a profile of its own and wait until its scripts have taken over."""
    profile = await browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **context})
    try:
        page = await profile.new_page()
        page.set_default_timeout(45_000)
        visit = Visit(page)
        page.on("console", lambda message: message.type == "error" and visit.complaints.append(message.text))
        page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        page.on("request", lambda request: visit.asked.append(request.url))
        await page.goto(url)
        await page.wait_for_selector("html[data-ready]")
        yield visit
    finally:
        await profile.close()


async def until(true: Callable[[], Any], seconds: float = 30) -> None:
    """Wait for a condition in this process that has no event of its own."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
