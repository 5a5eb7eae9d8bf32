"""The room of answers: what was asked in vain, where its answer goes, what answers came to, a question to try."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from bot.answers.unanswered import Unanswered
from campaigns.applying import apply
from campaigns.definition import Brand, WorkspaceConfig
from campaigns.workspace.loader import Workspace
from core.actors import SYSTEM, Actor
from core.agents import Role
from core.clock import machine_now
from desk.access.agents import add_agent, set_password
from desk.answers.writing import draft
from storage import migrate
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Agent, Question
from tests.bot.answers.stage import answers, talk
from tests.bot.scene import Scene
from tests.channels.webchat.stage import START, Stage, set_stage
from tests.conftest import NOW
from tests.sandbox.browser import browsing

PASSWORD = "seven warm shelves"
PICTURES = os.environ.get("OTKLIK_PICTURES", "")
"""A folder for what the pages look like; empty: none is taken."""


def asked(**given: Any) -> Unanswered:
    said = {
        "question": "Do you repair bicycles?", "language": "en", "words": "bicycl repair", "times": 3, "customers": 2,
        "not_helped": 0, "channels": ("sms",), "first_at": NOW, "last_at": NOW, "nearest": "", "certainty": 0,
    }  # fmt: skip
    return Unanswered(**{**said, **given})


@pytest.mark.parametrize(
    ("given", "file", "is_new"),
    [
        ({}, "answers/questions.md", True),
        ({"nearest": "delivery/track@en"}, "answers/delivery.md", False),
        ({"nearest": "returns/how@ru", "language": "ru"}, "answers/returns.ru.md", False),
        ({"nearest": "delivery/track@en", "language": "ru"}, "answers/delivery.ru.md", True),
        ({"nearest": "gone/away@en"}, "answers/questions.md", True),
    ],
)
def test_an_answer_is_written_where_its_topic_stands(given: dict[str, Any], file: str, is_new: bool) -> None:
    made = draft(asked(**given), answers(), "en-GB")
    assert (made.file, made.is_new) == (file, is_new)
    assert made.text.startswith("## Do you repair bicycles?\n")


def test_what_a_customer_wrote_makes_no_heading_of_its_own() -> None:
    assert draft(asked(question="## {{ x }} {#y}"), (), "en").text == "## (( x )) (#y)\n\n…\n"


@asynccontextmanager
async def shop(tmp_path: Path) -> AsyncIterator[Stage]:
    """A desk whose bot was asked for a week."""
    async with await Store.open(f"sqlite:///{tmp_path / 'store.sqlite3'}") as store:
        await migrate.upgrade(store)
        scene = Scene(store)
        config = WorkspaceConfig(brand=Brand(name="Lantern Books"))
        await apply(store, Workspace(config, {}, {}, answers=answers()), Actor("operator", "ann"), NOW)
        first, second, third = await talk(scene), await talk(scene), await talk(scene, locale="fa")
        await first.says("Do you repair  bicycles?")
        await second.says("repairing of bicycles")
        await third.says("آیا دوچرخه تعمیر می‌کنید؟")
        await third.says("Have you got old maps <img src=x onerror=document.title=1>")
        await first.says("How do I return a book?")
        await first.hears()
        await first.says("no")
        await second.says("Where is my order?")
        await second.hears()
        await second.says("yes")
        async with store.write() as connection:  # on the clock of the service
            await connection.execute(update(table(Question)).values(at=START - timedelta(days=2)))
            await add_agent(connection, "vera@example.com", "Vera", actor=SYSTEM, now=machine_now(), role=Role.MARKETER)
            await set_password(connection, "vera@example.com", PASSWORD, actor=SYSTEM, now=machine_now())
        async with set_stage(store, tmp_path) as stage:
            yield stage


async def test_a_marketer_sees_what_was_asked_in_vain_and_where_to_write_it(tmp_path: Path) -> None:
    async with shop(tmp_path) as stage, browsing() as browser:
        profile = await browser.new_context(viewport={"width": 1280, "height": 800})
        page = await profile.new_page()
        page.set_default_timeout(45_000)
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.extend([said.text] if "Security Policy" in said.text else []))
        await page.goto(f"{stage.url}/desk/sign-in")
        await page.fill("[name=email]", "vera@example.com")
        await page.fill("[name=password]", PASSWORD)
        await page.click("button.act")
        await page.get_by_role("link", name="Answers").click()
        bicycles = page.locator("details.asked", has_text="Do you repair bicycles?")
        assert "2×" in await bicycles.locator("summary").inner_text()
        await bicycles.locator("summary").click()
        await bicycles.get_by_text("answers/questions.md").wait_for()
        assert "## Do you repair bicycles?" in await bicycles.locator("pre").inner_text()
        await page.locator("details.asked", has_text="How do I return a book?").get_by_text("1×").wait_for()
        helped = page.locator("tbody tr", has_text="Where is my order?").locator("td")
        assert [await helped.nth(place).inner_text() for place in range(3)] == ["1", "1", "0"]

        await page.fill("[name=q]", "where's my order")
        await page.click(".sieve button")
        await page.locator(".tried").get_by_text("Look at the link in our message.").wait_for()
        await page.fill("[name=q]", "what about bicycles")
        await page.click(".sieve button")
        await page.get_by_text("a person would be asked").wait_for()
        await page.goto(f"{stage.url}/desk/answers?language=fa&days=7")
        assert await page.locator("details.asked").count() == 1
        await page.goto(f"{stage.url}/desk/answers?days=nonsense&language=%3Cx%3E")
        assert await page.locator("details.asked").count() == 4
        for locale in ("en", "ru", "fa"):
            async with stage.store.write() as connection:
                await connection.execute(update(table(Agent)).values(locale=locale, role=Role.ADMIN))
            for width in (1280, 390):
                await page.set_viewport_size({"width": width, "height": 800})
                await page.goto(f"{stage.url}/desk/answers?q=where+is+my+order")
                await page.locator("details.asked summary").first.click()
                assert await page.evaluate("document.documentElement.scrollWidth") <= width, (locale, width)
                assert await page.evaluate("document.dir") == ("rtl" if locale == "fa" else "ltr")
                if PICTURES:
                    await page.screenshot(path=f"{PICTURES}/answers-{locale}-{width}.png", full_page=True)
        assert complaints == []
        assert await page.title() != "1"
        await profile.close()
