"""The preview's page in a real browser: right-to-left as it will look, dark, at the width of a phone, offline."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from campaigns.composing.links import Addresses
from campaigns.definition import Brand, CampaignBody, CampaignDefinition, Leg, SendStep, WorkspaceConfig
from campaigns.previewing.making import make_preview
from campaigns.previewing.page import page as page_of
from campaigns.previewing.readers import example_audience
from campaigns.workspace.loader import load_workspace
from tests.conftest import NOW
from tests.sandbox.browser import browsing

STARTER = Path(__file__).parents[3] / "otklik" / "starter"
DARK = """---
subject: x
---
<html><head><style>body{background:#ffffff}@media (prefers-color-scheme:dark){body{background:#000000}}</style></head>
<body><p>{{ customer.first_name }}</p><script>document.body.id = "run"</script></body></html>
"""


@pytest.fixture
async def browser() -> AsyncIterator[Any]:
    async with browsing() as opened:
        yield opened


def written(folder: Path, locale: str, lang: str) -> str:
    workspace = load_workspace(STARTER)
    body = workspace.campaigns["winback"]
    audience = example_audience(locale, body, workspace.config, NOW, lang)
    made = make_preview(body, workspace.config, audience, Addresses("https://links.example.com", "x"), NOW, lang=lang)
    (folder / "page.html").write_text(page_of(made), encoding="utf-8")
    return (folder / "page.html").as_uri()


async def opened(browser: Any, url: str, width: int, asked: list[str]) -> Any:
    context = await browser.new_context(viewport={"width": width, "height": 900})
    tab = await context.new_page()
    tab.set_default_timeout(45_000)
    tab.on("request", lambda request: asked.append(request.url))
    await tab.goto(url)
    return tab


@pytest.mark.parametrize(("locale", "lang"), [("en", "en"), ("ru", "ru"), ("fa", "fa"), ("fa", "ru"), ("en", "fa")])
async def test_each_language_at_two_widths(browser: Any, tmp_path: Path, locale: str, lang: str) -> None:
    """A message looks the same whichever language the page around it is in."""
    url = written(tmp_path, locale, lang)
    for width in (1440, 390):
        asked: list[str] = []
        tab = await opened(browser, url, width, asked)
        assert await tab.evaluate("document.documentElement.scrollWidth") <= width
        assert await tab.evaluate("getComputedStyle(document.body).direction") == ("rtl" if lang == "fa" else "ltr")
        for bubble in await tab.locator(".bubble").all():
            bubble_box, chat = await bubble.bounding_box(), await bubble.locator("xpath=../..").bounding_box()
            left = bubble_box["x"] - chat["x"]
            right = chat["x"] + chat["width"] - bubble_box["x"] - bubble_box["width"]
            assert (left > right) == (locale == "fa")
        letter = tab.frame_locator(".pocket iframe.light" if width < 700 else ".desk iframe.light")
        await letter.locator("a").first.wait_for()  # letters load when they come into sight
        assert await letter.locator("body").evaluate("body => body.scrollWidth <= innerWidth")
        assert [one for one in asked if not one.startswith(("file:", "about:"))] == []
        await tab.context.close()


async def test_dark_reaches_the_letter_and_scripts_do_not_run(browser: Any, tmp_path: Path) -> None:
    step = SendStep(id="ask", main=Leg(channel="email", template="t"))
    body = CampaignBody(
        definition=CampaignDefinition(name="c", audience="all", steps=(step,)), templates={"t/email.html": DARK}
    )
    config = WorkspaceConfig(brand=Brand(name="Paper Boat"))
    audience = example_audience("en", body, config, NOW)
    made = make_preview(body, config, audience, Addresses("https://links.example.com", "x"), NOW)
    (tmp_path / "page.html").write_text(page_of(made), encoding="utf-8")
    tab = await opened(browser, (tmp_path / "page.html").as_uri(), 1440, [])
    colour = "body => getComputedStyle(body).backgroundColor"
    light, dark = (tab.locator(f".desk iframe.{scheme}") for scheme in ("light", "dark"))
    assert (await light.is_visible(), await dark.is_visible()) == (True, False)
    await light.content_frame.locator("a").first.wait_for()  # letters load when they come into sight
    assert await light.content_frame.locator("body").evaluate(colour) == "rgb(255, 255, 255)"
    await tab.get_by_text("Dark").click()
    await dark.wait_for(state="visible")
    assert not await light.is_visible()
    await dark.content_frame.locator("a").first.wait_for()
    letter = dark.content_frame.locator("body")
    assert await letter.evaluate(colour) == "rgb(0, 0, 0)"
    assert await letter.get_attribute("id") is None
