"""Agents at their browsers: a running service with a team, and pages that must complain of nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import update

from bot.handoff import ownership
from bot.handoff.ownership import Request
from bot.handoff.promises import Promise
from core.actors import SYSTEM
from core.agents import Role
from core.clock import machine_now
from desk.access.agents import add_agent, set_password
from storage import migrate
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Conversation, Customer
from tests.channels.webchat.stage import Stage, set_stage

PASSWORD = "seven warm shelves"
HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
ADMIN = "vera@example.com"


@asynccontextmanager
async def staffed(folder: Path, *team: tuple[str, str, str, Role]) -> AsyncIterator[Stage]:
    """A service on SQLite with agents of that address, name, language and role, all with one password."""
    async with await Store.open(f"sqlite:///{folder / 'store.sqlite3'}") as store:
        await migrate.upgrade(store)
        async with store.write() as connection:
            for email, name, locale, role in team:
                await add_agent(connection, email, name, actor=SYSTEM, now=machine_now(), locale=locale, role=role)
                await set_password(connection, email, PASSWORD, actor=SYSTEM, now=machine_now())
        async with set_stage(store, folder) as stage:
            yield stage


@asynccontextmanager
async def window(
    browser: Any, stage: Stage, width: int = 1280, *, policed: bool = True, **context: Any
) -> AsyncIterator[Any]:
    """A browser at the door; no page may complain or ask anybody else for anything.

    ``policed``: nor ask for what the pages' own policy forbids, as customers' mails may.
    """
    profile = await browser.new_context(viewport={"width": width, "height": 800}, **context)
    page = await profile.new_page()
    page.set_default_timeout(45_000)
    complaints: list[str] = []
    asked: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    if policed:
        page.on("console", lambda said: complaints.extend([said.text] if "Security Policy" in said.text else []))
    page.on("request", lambda request: asked.append(request.url))
    try:
        await page.goto(f"{stage.url}/desk/sign-in")
        yield page
        assert complaints == []
        own = (f"http://127.0.0.1:{stage.port}/", f"ws://127.0.0.1:{stage.port}/", "data:")
        assert [url for url in asked if not url.startswith(own)] == []
    finally:
        await profile.close()


async def enter(page: Any, stage: Stage, email: str, password: str = PASSWORD, code: str = "") -> None:
    """Sign in."""
    await page.goto(f"{stage.url}/desk/sign-in")
    await page.fill("[name=email]", email)
    await page.fill("[name=password]", password)
    await page.click("button.act")
    if code:
        await page.fill("[name=code]", code)  # first: only the page that asks for it has the field
        await page.fill("[name=password]", password)
        await page.click("button.act")
    await page.wait_for_selector("header.top")


@asynccontextmanager
async def seated(browser: Any, stage: Stage, email: str, width: int = 1280, **context: Any) -> AsyncIterator[Any]:
    """An agent who has signed in."""
    async with window(browser, stage, width, policed=False, **context) as page:
        await enter(page, stage, email)
        await page.wait_for_selector(".views")
        yield page


async def asked_for_a_person(stage: Stage) -> str:
    """The visitor's conversation, waiting. Whoever is online may be given it at the service's next look."""
    chat = (await stage.until(lambda: stage.rows(Conversation)))[0]
    now = stage.clock.now()
    async with stage.store.write() as connection:
        await connection.execute(update(table(Customer)).values(first_name="Vera"))
        await ownership.queue(
            connection, chat.id, Request("asked", note=HOSTILE), Promise(now, now), actor=SYSTEM, now=now
        )
    return str(chat.id)


async def taken(stage: Stage, page: Any) -> None:
    """The open conversation is somebody's: by the key, or because the service gave it out first."""
    await page.locator(".head h1").click()
    async with asyncio.timeout(45):
        while (await stage.rows(Conversation))[0].agent == "":
            await page.keyboard.press("a")
            await page.wait_for_timeout(300)
