"""The staff's group on the phones page: topics appear as the bot makes them, and its member answers in them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.sandbox.browser import browsing, visiting
from tests.sandbox.scene import Running, running

GROUP = -1001234567890
SEAT = f"group:{GROUP}"
API = "/bot100001:sandbox-token"
HOSTILE = '<img src=x onerror="window.pwned=1">'

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one browser serves all


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Any]:
    async with browsing() as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def sandbox() -> AsyncIterator[Running]:
    async with running() as started:
        members = {"anna": "administrator"}
        await started.post("/control/telegram/groups", {"id": GROUP, "title": "The desk", "members": members})
        yield started


async def topic_made(sandbox: Running, name: str, text: str) -> int:
    made = await sandbox.post(f"{API}/createForumTopic", {"chat_id": GROUP, "name": name})
    thread = int(made["result"]["message_thread_id"])
    entities = [{"type": "bold", "offset": 0, "length": 4}]
    said = {"chat_id": GROUP, "message_thread_id": thread, "text": text, "entities": entities}
    await sandbox.post(f"{API}/sendMessage", said)
    return thread


async def test_a_topic_appears_and_is_answered_in(browser: Any, sandbox: Running) -> None:
    async with visiting(browser, sandbox.url + "/?phones=dana") as visit:
        seat = visit.seat(SEAT)
        await seat.get_by_text("Nobody has asked for a person yet.").wait_for()
        thread = await topic_made(sandbox, "Dana · Telegram", f"Dana writes {HOSTILE}")
        await seat.locator(f"[data-topic='{thread}'].fresh", has_text="Dana writes").click()
        assert await seat.locator(".words strong").inner_text() == "Dana"
        await seat.get_by_text("onerror").wait_for()
        await seat.locator("textarea").fill("On the third shelf")
        await seat.locator(".send").click()
        await seat.locator(".mine").get_by_text("On the third shelf").wait_for()
        group = sandbox.world.groups.get(GROUP)
        assert [post.text for post in group.posts if post.by == "anna"] == ["On the third shelf"]
        assert await visit.page.evaluate("window.pwned") is None
        assert visit.complaints == []


async def test_a_topic_that_is_closed_or_deleted_is_seen_as_such(browser: Any, sandbox: Running) -> None:
    thread = await topic_made(sandbox, "Boris", "Boris writes")
    async with visiting(browser, sandbox.url) as visit:
        seat = visit.seat(SEAT)
        await seat.locator(f"[data-topic='{thread}']").click()
        await sandbox.post(f"{API}/closeForumTopic", {"chat_id": GROUP, "message_thread_id": thread})
        await seat.locator(".app-head .sub").get_by_text("closed").wait_for()
        await sandbox.post(f"{API}/deleteForumTopic", {"chat_id": GROUP, "message_thread_id": thread})
        await seat.get_by_text("Nobody has asked for a person yet.").wait_for()
        assert visit.complaints == []


async def test_a_row_that_did_not_change_stays_under_the_pointer(browser: Any, sandbox: Running) -> None:
    thread = await topic_made(sandbox, "Boris", "Boris writes")
    async with visiting(browser, sandbox.url) as visit:
        row = visit.seat(SEAT).locator(f"[data-topic='{thread}']")
        await row.evaluate("row => row.dataset.held = 'held'")
        async with visit.page.expect_response("**/api/groups/*"):
            for queue in list(sandbox.world.live._queues):  # the page fell behind, and reads everything again
                sandbox.world.live.leave(queue)
                queue.put_nowait(None)
        await visit.page.evaluate("fetch('/api/state').then((answer) => answer.json())")
        assert await row.get_attribute("data-held") == "held"


async def test_a_group_that_is_set_up_later_comes_to_the_table(browser: Any) -> None:
    async with running() as quiet, visiting(browser, quiet.url) as visit:
        await visit.page.wait_for_selector(".seat")
        assert await visit.page.locator(".seat.group").count() == 0
        group = {"id": GROUP, "title": "The desk", "members": {"anna": "administrator"}}
        await quiet.post("/control/telegram/groups", group)
        await visit.seat(SEAT).get_by_text("Anna Stone").wait_for()


async def test_the_places_that_a_director_tells_are_on_this_machine(browser: Any, sandbox: Running) -> None:
    places = {"kind": "places", "desk": "http://127.0.0.1:9/desk", "chat": "https://elsewhere.example/"}
    await sandbox.post("/control/notice", places)
    async with visiting(browser, sandbox.url) as visit:
        shown = visit.page.locator(".places a")
        assert await shown.evaluate_all("links => links.map(link => link.href)") == ["http://127.0.0.1:9/desk"]


async def test_the_group_in_persian(browser: Any, sandbox: Running) -> None:
    await topic_made(sandbox, "لیلا · تلگرام", "لیلا نوشت")
    async with visiting(browser, sandbox.url + "/?lang=fa") as visit:
        seat = visit.seat(SEAT)
        await seat.locator(".letter-row").click()
        back = await seat.locator(".app-head .bare").bounding_box()
        mark = await seat.locator(".app-head .mark").bounding_box()
        assert back["x"] > mark["x"], "the way back is at the right"
        assert visit.complaints == []
