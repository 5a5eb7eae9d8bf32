"""The team's room and one's own account in a real browser: taken on, come in, own password, second factor, out."""

import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from core.agents import Role
from core.clock import machine_now
from storage.tables import Agent, AgentSession
from tests.channels.webchat.stage import Stage
from tests.desk.seats import ADMIN, PASSWORD, enter, staffed, window

HOSTILE = '<img src=x onerror="document.title=1">'


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with staffed(tmp_path, (ADMIN, "Vera", "en", Role.ADMIN)) as stage:
        yield stage


def code_of(key: str, steps: int = 0) -> str:
    """The code that an app shows so many steps of half a minute from now."""
    at = machine_now() + timedelta(seconds=30 * steps)
    return TOTP(base64.b32decode(key), 6, SHA1(), 30).generate(int(at.timestamp())).decode()  # noqa: S303


def wrong_code(key: str) -> str:
    """A code of long ago that is not, by chance, one of these minutes."""
    good = {code_of(key, steps) for steps in range(-4, 9)}
    return next(code for steps in count(40) if (code := code_of(key, -steps)) not in good)


async def test_somebody_comes_changes_and_goes(stage: Stage, browser: Any) -> None:
    async with window(browser, stage) as vera, window(browser, stage, width=390) as ann:
        await enter(vera, stage, "vera@example.com", PASSWORD)
        await vera.get_by_role("link", name="Team").click()
        await vera.locator(".people").get_by_text("Takes chats").wait_for()
        await vera.fill("[name=email]", "ann@example.com")
        await vera.fill("[name=name]", f"Ann {HOSTILE}")
        await vera.get_by_role("button", name="Take somebody on").click()
        lent = await vera.locator("#lent").inner_text()

        await enter(ann, stage, "ann@example.com", lent)
        assert ann.url.endswith("/desk/me")
        await ann.goto(f"{stage.url}/desk/inbox")
        assert ann.url.endswith("/desk/me"), "nothing else before a password of one's own"
        for new, again, said in (("another", "another", "too easy"), ("plum jam in june", "plum jam", "differ")):
            await ann.fill("[name=password]", lent)
            await ann.fill("[name=new]", new)
            await ann.fill("[name=again]", again)
            await ann.evaluate("document.querySelector('[name=new]').removeAttribute('minlength')")
            await ann.get_by_role("button", name="Change it").click()
            await ann.get_by_role("alert").get_by_text(said).wait_for()
        await ann.fill("[name=password]", lent)
        await ann.fill("[name=new]", "plum jam in june")
        await ann.fill("[name=again]", "plum jam in june")
        await ann.get_by_role("button", name="Change it").click()
        await ann.get_by_text("Your password is changed").wait_for()
        assert await ann.evaluate("document.documentElement.scrollWidth") <= 390, "nothing sticks out on a phone"
        await ann.goto(f"{stage.url}/desk/team")
        assert "not for your role" in await ann.content()

        await vera.locator(".crumb").first.click()
        await vera.get_by_role("link", name="Ann").click()
        await vera.fill("[name=languages]", "en, ru")
        await vera.fill("[name=from_0]", "09:00")
        await vera.get_by_role("button", name="Save").click()
        await vera.get_by_role("alert").get_by_text("both its start and its end").wait_for()
        assert await vera.input_value("[name=languages]") == "en, ru", "what was typed is kept"
        await vera.fill("[name=to_0]", "18:00")
        await vera.get_by_role("button", name="Save").click()
        await vera.get_by_text("Saved.").wait_for()
        row = (await stage.rows(Agent, Agent.email == "ann@example.com"))[0]
        assert (row.languages, row.shift) == (["en", "ru"], {"0": ["09:00", "18:00"]})
        await vera.get_by_text("Close their sign-in").click()
        await vera.get_by_role("button", name="Yes, close it").click()
        await vera.get_by_role("button", name="Let them in again").wait_for()
        await ann.goto(f"{stage.url}/desk/me")
        await ann.wait_for_selector("[name=password]")
        assert ann.url.endswith("/desk/sign-in")
        assert await vera.title() != "1"


async def test_a_second_factor_from_picture_to_recovery(stage: Stage, browser: Any) -> None:
    async with window(browser, stage) as page, window(browser, stage) as other:
        await enter(other, stage, "vera@example.com", PASSWORD)
        await enter(page, stage, "vera@example.com", PASSWORD)
        await page.goto(f"{stage.url}/desk/me")
        await page.get_by_role("button", name="Set it up").click()
        picture = page.locator(".picture")
        await stage.until(lambda: picture.evaluate("picture => picture.naturalWidth > 100"))
        await page.get_by_text("Or type the key by hand").click()
        key = (await page.locator("#key").inner_text()).replace(" ", "")
        await page.fill("[name=code]", wrong_code(key))
        await page.get_by_role("button", name="Switch it on").click()
        await page.get_by_role("alert").get_by_text("does not fit").wait_for()
        assert (await stage.rows(Agent))[0].totp == "", "it does not count before a code came back"
        await page.fill("[name=code]", code_of(key))
        await page.get_by_role("button", name="Switch it on").click()
        await page.get_by_role("link", name="I have kept them").wait_for()  # which stands below them
        codes = await page.locator(".codes li").all_inner_texts()
        assert len(codes) == len(set(codes)) == 10
        await page.get_by_role("link", name="I have kept them").click()

        await page.get_by_role("button", name="Sign out all others").click()
        await page.get_by_text("Signed out.").wait_for()
        assert len(await stage.rows(AgentSession)) == 1
        await other.goto(f"{stage.url}/desk/inbox")
        assert other.url.endswith("/desk/sign-in")
        await enter(other, stage, "vera@example.com", PASSWORD, code=code_of(key, steps=1))
        await other.goto(f"{stage.url}/desk/me")
        await other.get_by_text("10 recovery codes are left").wait_for()
        await other.get_by_role("banner").get_by_role("button", name="Sign out").click()
        await other.wait_for_selector("[name=password]")
        await enter(other, stage, "vera@example.com", PASSWORD, code=codes[0].upper())
        await other.goto(f"{stage.url}/desk/me")
        await other.get_by_text("9 recovery codes are left").wait_for()
        off = other.locator("form[action$='/off']")
        for password, said in ((PASSWORD + "s", "This is not your password"), (PASSWORD, "The second factor is off")):
            await other.wait_for_load_state()
            if not await off.is_visible():
                await other.locator("summary", has_text="Switch it off").click()
            await off.locator("[name=password]").fill(password)
            await off.get_by_role("button").click()
            await other.get_by_text(said).wait_for()
        assert (await stage.rows(Agent))[0].totp == ""
