"""The editor in a real browser: problems appear beside their lines while one types, and saving puts them in force."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from campaigns.applying import apply
from campaigns.composing.links import Addresses
from core.clock import VirtualClock
from desk.campaigns.editing.workbench import Workbench
from otklik.workspace import load_whole
from storage import migrate
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import CampaignVersion
from tests.campaigns.forecast.conftest import EXAMPLE
from tests.campaigns.forecast.town import settle
from tests.conftest import NOW
from tests.desk.campaigns.conftest import APPLIED
from tests.desk.campaigns.test_campaigns_browser import looked_at

_VERSIONS = table(CampaignVersion)
FILE = "campaigns/winback.yaml"
Desk = tuple[Store, Path, Any]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    folder = Path(shutil.copytree(EXAMPLE, tmp_path / "shop"))
    url = f"sqlite:///{tmp_path / 'store.sqlite3'}"
    async with await Store.open(url) as store:
        await migrate.upgrade(store)
        await settle(store, 30)
        await apply(store, load_whole(folder).workspace, APPLIED, NOW)
        bench = Workbench(folder, load_whole, url, Addresses("http://127.0.0.1", "s" * 40))
        async with looked_at(store, VirtualClock(NOW), bench) as opened:
            yield store, folder, opened


async def editor(opened: Any, path: str, *look: Any) -> Any:
    """An editor's page whose script runs: what is typed and which keys are pressed means something."""
    page = await opened(path, *look)
    await page.locator(".gutter span").first.wait_for()
    return page


async def versions(store: Store) -> int:
    async with store.read() as connection:
        return int(await connection.scalar(select(func.count()).select_from(_VERSIONS)) or 0)


@pytest.mark.parametrize("locale", ["en", "fa"])
async def test_from_a_mistake_to_a_new_version(desk: Desk, locale: str) -> None:
    store, folder, opened = desk
    page = await opened("/campaigns/winback", locale)
    await page.locator('.levers a[href$="/edit"]').click()
    area = page.locator(".code textarea").first
    assert await area.evaluate("area => getComputedStyle(area).direction") == "ltr", "code reads from the left"
    assert await page.locator(".gutter span").first.text_content() == "1"
    text = await area.input_value()
    await area.fill(text.replace("audience: dormant", "audience: dromant"))
    line = text.split("\n").index(next(row for row in text.split("\n") if row.startswith("audience"))) + 1
    await page.locator(f'#problems li.bad[data-line="{line}"]').wait_for()
    assert "bad" in (await page.locator(".gutter span").nth(line - 1).get_attribute("class") or "")
    await page.keyboard.press("F8")
    assert await area.evaluate("area => area.value.slice(area.selectionStart, area.selectionEnd)") != ""
    await area.fill(text.replace("wait: 3d", "wait: 5d"))
    await page.locator("#problems .good").wait_for()
    await page.locator("#sketch .node").nth(2).wait_for()
    await page.keyboard.press("F2")
    await page.locator("#answer table").first.wait_for()
    await page.keyboard.press("F4")
    await page.frame_locator("#preview").locator("h1").wait_for()
    await page.keyboard.press("Control+s")
    await page.locator("#answer .compared").wait_for()
    assert await versions(store) == 1, "it was only asked about"
    await page.locator('#answer button[value="save"]').click()
    await page.locator(".levers").wait_for()
    assert page.url.endswith("/desk/campaigns/winback")
    assert await versions(store) == 2
    assert "wait: 5d" in (folder / FILE).read_text()


async def test_who_is_slower_sees_both_texts(desk: Desk) -> None:
    store, folder, opened = desk
    page = await editor(opened, "/campaigns/winback/edit")
    area = page.locator(".code textarea").first
    text = await area.input_value()
    await area.fill(text.replace("wait: 3d", "wait: 5d"))
    theirs = text.replace("wait: 3d", "wait: 9d")
    (folder / FILE).write_text(theirs)
    await page.keyboard.press("Control+s")
    await page.locator("#answer .minus").get_by_text("wait: 9d").wait_for()
    assert await area.input_value() == text.replace("wait: 3d", "wait: 5d"), "what was written is kept"
    assert (folder / FILE).read_text() == theirs
    await page.locator('#answer button[value="review"]').click()
    await page.locator('#answer button[value="save"]').click()
    await page.locator(".levers").wait_for()
    assert "wait: 5d" in (folder / FILE).read_text()
    assert await versions(store) == 2


async def test_keys_write_as_programs_for_text_do(desk: Desk) -> None:
    _, _, opened = desk
    page = await editor(opened, "/campaigns/winback/edit")
    area = page.locator(".code textarea").first
    await area.fill("")
    await page.keyboard.type("steps:")
    await page.keyboard.press("Enter")
    await page.keyboard.type("- send: em")
    await page.locator('.words-list [role="option"]').get_by_text("email").wait_for()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    await page.keyboard.type("wait: 3d")
    assert await area.input_value() == "steps:\n  - send: email\n    wait: 3d"
    await page.keyboard.press("Tab")
    await page.keyboard.press("Shift+Tab")
    assert (await area.input_value()).endswith("\n  wait: 3d  ")
    await page.keyboard.press("Escape")
    await page.keyboard.press("Tab")
    assert await area.evaluate("area => document.activeElement !== area"), "a keyboard is not caught in it"


async def test_without_scripts_the_form_does_it(desk: Desk) -> None:
    store, folder, opened = desk
    page = await opened("/campaigns/winback/edit", "en", 390, java_script_enabled=False)
    area = page.locator(".code textarea").first
    text = await area.input_value()
    await area.fill(text.replace("audience: dormant", "audience: dromant"))
    await page.get_by_role("button", name="Check").click()
    await page.locator("#problems li.bad").first.wait_for()
    await page.locator(".code textarea").first.fill(text.replace("wait: 3d", "wait: 5d"))
    await page.get_by_role("button", name="Save").click()
    await page.get_by_role("button", name="Save and put in force").click()
    await page.locator(".levers").wait_for()
    assert "wait: 5d" in (folder / FILE).read_text()
    assert await versions(store) == 2


@pytest.mark.parametrize("locale", ["ru", "fa"])
async def test_nothing_sticks_out_on_a_phone(desk: Desk, locale: str) -> None:
    _, _, opened = desk
    page = await editor(opened, "/campaigns/winback/edit", locale, 390)
    await page.locator('.bar [value="plan"]').click()
    await page.locator("#answer table").first.wait_for()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await page.goto(page.url.replace("/edit", "/test"))
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390


async def test_a_flow_is_talked_to_beside_its_text_and_saved(desk: Desk) -> None:
    _, folder, opened = desk
    page = await opened("/flows")
    await page.locator(".campaign-card a").first.click()
    await page.locator(".gutter span").first.wait_for()  # its script runs: keys mean something
    await page.locator("#problems .good").wait_for()
    await page.keyboard.press("F9")
    await page.locator(".talk li").get_by_text("What is it about?").wait_for()
    assert await page.evaluate("document.activeElement.name") == "say"
    await page.keyboard.type("Something else")
    await page.keyboard.press("Enter")
    await page.locator(".talk li").get_by_text("What would you like to know?").wait_for()
    area = page.locator(".code textarea").first
    text = await area.input_value()
    await area.fill(text.replace("What would you like to know?", "Tell us more, please."))
    await page.locator("#problems .good").wait_for()
    await page.locator('.bar [value="try"]').click()
    await page.locator(".talk li").get_by_text("Tell us more, please.").wait_for()
    await page.keyboard.press("Control+s")
    await page.locator('#answer button[value="save"]').click()
    await page.locator(".notice.good").wait_for()
    assert "Tell us more, please." in (folder / "flows" / "support.yaml").read_text()


async def test_an_answer_is_written_for_a_question(desk: Desk) -> None:
    _, folder, opened = desk
    page = await editor(opened, "/answers/shop/edit?file=answers/shop.fa.md&question=کادو می‌کنید؟", "fa", 390)
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await page.locator("#problems li.bad").first.wait_for()
    area = page.locator(".code textarea").first
    assert await area.evaluate("area => getComputedStyle(area).unicodeBidi") == "plaintext", "each line its own way"
    await area.fill(await area.input_value() + "بله، با کاغذ سبز.\n")
    await page.locator("#problems .good").wait_for()
    await page.locator("#question").fill("کادو می‌کنید")
    await page.keyboard.press("Enter")
    await page.locator("#answer .words").get_by_text("کاغذ سبز").wait_for()
    await page.locator('.bar [value="review"]').click()
    await page.locator('#answer button[value="save"]').click()
    await page.locator(".notice.good").wait_for()
    assert "کاغذ سبز" in (folder / "answers" / "shop.fa.md").read_text()
