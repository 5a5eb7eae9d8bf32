"""A simulation on the desk plays the flow that the campaign starts, and shows what came of its talks."""

import os
import shutil
from pathlib import Path

import pytest

from campaigns.applying import apply
from campaigns.composing.links import Addresses
from core.clock import VirtualClock
from desk.campaigns.editing.workbench import Workbench
from otklik.workspace import load_whole
from storage import migrate
from storage.store import Store
from tests.conftest import NOW
from tests.desk.campaigns.conftest import APPLIED
from tests.desk.campaigns.test_campaigns_browser import looked_at

CONFIG = """
brand: {name: Paper Boat, url: https://shop.example.com, postal_address: 1 Quay}
zone: UTC
locale: en
currency: EUR
channels: {telegram: {price: 0.01}, sms: {price: 0.05}}
"""
SURVEY = """
campaign: survey
audience: everyone
steps:
  - {flow: nps, of: [telegram, sms], wait: 5d, until: [flow]}
"""
SHOWN = {"en": "Flow nps", "ru": "Сценарий nps", "fa": "گفت‌وگوی خودکار nps"}
SEEN = os.environ.get("OTKLIK_TEST_PICTURES", "")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shop = tmp_path / "shop"
    shutil.rmtree(shop, ignore_errors=True)
    files = {
        "otklik.yaml": CONFIG, "segments.yaml": "everyone: {where: {field: id, is_set: true}}\n",
        "campaigns/survey.yaml": SURVEY,
    }  # fmt: skip
    for name, text in files.items():
        (shop / name).parent.mkdir(parents=True, exist_ok=True)
        (shop / name).write_text(text, encoding="utf-8")
    return shop


@pytest.mark.parametrize(("locale", "width"), [("en", 1280), ("ru", 390), ("fa", 1280), ("fa", 390)])
async def test_what_came_of_the_talks_is_shown(tmp_path: Path, folder: Path, locale: str, width: int) -> None:
    url = f"sqlite:///{tmp_path / 'store.sqlite3'}"
    async with await Store.open(url) as store:
        await migrate.upgrade(store)
        await apply(store, load_whole(folder).workspace, APPLIED, NOW)
        bench = Workbench(folder, load_whole, url, Addresses("http://127.0.0.1", "s" * 40))
        async with looked_at(store, VirtualClock(NOW), bench) as opened:
            page = await opened("/campaigns/survey/edit", locale, width)
            await page.locator(".gutter span").first.wait_for()  # its script runs: the answer comes in one piece
            await page.locator(".options summary").click()
            await page.locator("[name=customers]").fill("100")  # a slow machine is done long before patience ends
            await page.locator('button[name="do"][value="simulate"]').click()
            title = page.locator("#answer h3", has_text=SHOWN[locale])
            await title.wait_for()
            tables = page.locator("#answer h3 ~ table")
            assert await tables.count() >= 4, "what it said, how it ended, answers, what nobody answered"
            assert await tables.locator("caption").count() == await tables.count()
            wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, "nothing is wider than the page"
            if SEEN:
                await page.locator("#answer").screenshot(path=f"{SEEN}/{locale}{width}.png")
