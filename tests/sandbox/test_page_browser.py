"""The page in a real browser: live messages, playing the customer, right-to-left, and nothing foreign that runs."""

from collections.abc import AsyncIterator
from email.message import EmailMessage
from typing import Any

import aiosmtplib
import pytest
import pytest_asyncio

from sandbox.clock import iso
from tests.sandbox.browser import browsing, until, visiting
from tests.sandbox.scene import Company, Running, listening, running

HOSTILE = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>'


pytestmark = pytest.mark.asyncio(loop_scope="module")  # one browser serves all


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Any]:
    async with browsing() as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def sandbox() -> AsyncIterator[Running]:
    async with running() as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def company() -> AsyncIterator[Company]:
    async with listening() as stand_in:
        yield stand_in


async def send_mail(
    sandbox: Running, to: str, subject: str, text: str, markup: str | None = None, **headers: str
) -> None:
    message = EmailMessage()
    message["From"] = headers.pop("sender", "Winter Books <hello@shop.example.com>")
    message["To"] = to
    message["Subject"] = subject
    message["Message-ID"] = f"<{abs(hash(subject))}@shop.example.com>"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    if markup is not None:
        message.add_alternative(markup, subtype="html")
    await aiosmtplib.send(message, hostname="127.0.0.1", port=sandbox.world.smtp_port)


async def say(sandbox: Running, text: str, *rows: list[dict[str, str]]) -> None:
    body = {"chat_id": 5001, "text": text, "reply_markup": {"inline_keyboard": list(rows)}}
    await sandbox.post("/bot100001:sandbox-token/sendMessage", body)


async def test_opens_quietly_and_asks_nobody_else(browser: Any, sandbox: Running) -> None:
    async with visiting(browser, sandbox.url) as visit:
        await visit.page.wait_for_selector(".seat")
        avatar = await visit.page.locator('.seat[data-key="anna"] .caption .avatar').get_attribute("class")
        painted = await visit.page.evaluate(
            """async () => new DOMParser().parseFromString(await (await fetch("/")).text(), "text/html")
                 .querySelector('.seat[data-key="anna"] .avatar').className"""
        )
        assert avatar.strip() == painted.strip()  # server and scripts reckon alike
        assert visit.complaints == []
        assert {url for url in visit.asked if not url.startswith((sandbox.url, "ws://127.0.0.1"))} == set()


async def test_a_mail_appears_live_on_the_phone(browser: Any, sandbox: Running) -> None:
    async with visiting(browser, sandbox.url + "/?phones=anna") as visit:
        await visit.page.wait_for_selector(".quiet")
        await send_mail(sandbox, "anna@example.org", "We kept your shelf warm", "Ten per cent off.")
        await visit.seat("anna").get_by_text("We kept your shelf warm").wait_for()
        await visit.seat("anna").locator('.app[data-app="email"] .badge').wait_for()
        await visit.page.locator("#ticker").get_by_text("Anna Stone").wait_for()
        await visit.page.locator('.count.tint-email[title*="1 sent, 1 delivered"]').wait_for()
        assert visit.complaints == []


async def test_a_quiet_phone_makes_room_for_who_gets_a_message(browser: Any, sandbox: Running) -> None:
    people = [{"key": f"quiet-{number}", "name": f"Quiet {number}"} for number in range(300)]
    async with running([*people, {"key": "late", "name": "Late", "email": "late@example.org"}]) as crowd:
        async with visiting(browser, crowd.url) as visit:
            await send_mail(crowd, "late@example.org", "At last", "Hello")
            await visit.seat("late").get_by_text("At last").wait_for()
            assert await visit.page.locator(".seat").count() == 3


async def test_the_answer_lands_in_the_companys_mailbox(browser: Any, sandbox: Running) -> None:
    await send_mail(sandbox, "anna@example.org", "A shelf", "Ten per cent off.", Reply_To="reply+x1@shop.example.com")
    async with visiting(browser, sandbox.url + "/?phones=anna") as visit:
        app = await visit.open_app("anna", "email")
        await app.locator(".letter-row").click()
        await app.get_by_text("Ten per cent off.").wait_for()
        await app.locator("textarea").fill("Keep it for me")
        await app.get_by_role("button", name="Send").click()
        await until(lambda: sandbox.world.mailbox.delivered == 1)
        sent = sandbox.world.people.get("anna").thread("email")[-1]
        raw = sandbox.world.office.raw(sent.raw) or b""
        assert b"In-Reply-To:" in raw
        assert b"To: reply+x1@shop.example.com" in raw
        assert b"Keep it for me" in raw
        assert visit.complaints == []


async def test_pictures_wait_until_they_are_asked_for_and_links_are_followed(
    browser: Any, sandbox: Running, company: Company
) -> None:
    markup = f'<p>Hi</p><a href="{company.url}/offer">Look</a><img src="{company.url}/o.gif" width="1" height="1">'
    unsubscribe = {"List_Unsubscribe": f"<{company.url}/stop>", "List_Unsubscribe_Post": "List-Unsubscribe=One-Click"}
    await send_mail(sandbox, "anna@example.org", "A shelf", "Hi", markup, **unsubscribe)
    async with visiting(browser, sandbox.url + "/?phones=anna") as visit:
        app = await visit.open_app("anna", "email")
        await app.locator(".letter-row").click()
        await app.frame_locator("iframe").locator("html[style*=zoom]").wait_for()  # the page holds the frame's links
        await app.frame_locator("iframe").get_by_text("Look").click()
        await visit.seat("anna").locator(".sheet").get_by_text("/offer").wait_for()
        assert [request.path for request in company.requests] == ["/offer"]
        await visit.seat("anna").locator(".sheet .bare").click()
        await app.get_by_role("button", name="Show pictures").click()
        await company.wait_for(2, 30)
        assert company.requests[1].path == "/o.gif"
        await app.get_by_role("button", name="Unsubscribe").click()
        await company.wait_for(3, 30)
        assert (company.requests[2].path, company.requests[2].method) == ("/stop", "POST")
        assert company.requests[2].form == {"List-Unsubscribe": "One-Click"}


async def test_telegram_buttons_block_and_unblock(browser: Any, sandbox: Running) -> None:
    async with visiting(browser, sandbox.url + "/?phones=anna,dana") as visit:
        app = await visit.open_app("anna", "telegram")
        await say(sandbox, "Which shelf?", [{"text": "Novels", "callback_data": "n"}])
        anna = sandbox.world.people.get("anna")
        await app.get_by_role("button", name="Novels").click()
        await until(lambda: anna.thread("telegram")[-1].clicks == ["Novels"])
        await app.locator(".key.pressed").wait_for()
        await app.locator("textarea").fill("Poems, please")
        await app.locator("textarea").press("Enter")
        await app.locator(".bubble-row.mine").get_by_text("Poems, please").wait_for()
        await app.get_by_role("button", name="Block the bot").click()
        await app.get_by_role("button", name="Unblock").wait_for()
        assert anna.telegram is not None
        assert anna.telegram.blocked
        await app.get_by_role("button", name="Unblock").click()
        await app.locator("textarea").wait_for()
        assert not anna.telegram.blocked

        other = await visit.open_app("dana", "telegram")
        await other.get_by_role("button", name="Start").click()
        await other.locator(".bubble-row.mine").get_by_text("/start").wait_for()
        await other.locator("textarea").wait_for()
        assert visit.complaints == []


async def test_buying_tells_the_shop(browser: Any, sandbox: Running, company: Company) -> None:
    await sandbox.post("/control/shop", {"events_url": company.url + "/events", "token": "t"})
    async with visiting(browser, sandbox.url + "/?phones=anna") as visit:
        app = await visit.open_app("anna", "shop")
        await app.locator("input").fill("12,50")
        await app.get_by_role("button", name="Buy").click()
        await company.wait_for(1, 30)
        assert b'"amount":"12.50"' in company.requests[0].body
        await app.get_by_text("1 order so far").wait_for()


async def test_persian_is_mirrored_and_in_its_numerals(browser: Any, sandbox: Running) -> None:
    async with visiting(browser, sandbox.url + "/?lang=fa&phones=anna,dana") as visit:
        people = await visit.page.locator("#people").bounding_box()
        phones = await visit.page.locator("#phones").bounding_box()
        assert people["x"] > phones["x"]
        first, second = [await visit.seat(key).bounding_box() for key in ("anna", "dana")]
        assert first["x"] > second["x"]
        clock = await visit.page.locator("#clock time").inner_text()
        assert "۱۰:۰۰" in clock
        assert "آذر" in clock
        await sandbox.post("/api/people/anna/do", {"do": "write", "channel": "sms", "text": "Hello"})
        app = await visit.open_app("anna", "sms")
        bubble = await app.locator(".mine .bubble").bounding_box()
        thread = await app.locator(".thread").bounding_box()
        assert bubble["x"] - thread["x"] < thread["width"] / 3  # one's own words stand at the left
        assert visit.complaints == []


@pytest.mark.parametrize("lang", ["en", "ru", "fa"])
async def test_narrow_screens_do_not_scroll_sideways(browser: Any, sandbox: Running, lang: str) -> None:
    await send_mail(sandbox, "anna@example.org", "W" * 300, "x" * 900)
    narrow = {"width": 320, "height": 700}  # WCAG 1.4.10
    async with visiting(browser, f"{sandbox.url}/?lang={lang}&phones=anna,dana", viewport=narrow) as visit:
        for app in (None, "email", "telegram"):
            if app is not None:
                await visit.open_app("anna", app)
            width = await visit.page.evaluate("document.scrollingElement.scrollWidth")
            device = await visit.seat("anna").locator(".device").bounding_box()
            assert width <= narrow["width"]
            assert device["width"] <= narrow["width"]
        app = await visit.open_app("anna", "email")
        await app.locator(".letter-row").click()
        send = await app.locator(".send").bounding_box()
        assert send["x"] > device["x"]
        assert send["x"] + send["width"] < device["x"] + device["width"]


async def test_nothing_foreign_runs(browser: Any, sandbox: Running, company: Company) -> None:
    people = [
        {"key": f"k'\"&/{HOSTILE}", "name": HOSTILE, "email": "h@example.org", "phone": "+12025550111", "sms": True,
         "whatsapp": True, "country": HOSTILE, "zone": HOSTILE, "telegram": {"user_id": 5001, "started": True}},
    ]  # fmt: skip
    async with running(people) as world:
        person = world.world.people.get(people[0]["key"])
        letter = (
            f"{HOSTILE}<svg onload=window.pwned=1></svg><a href='javascript:window.top.pwned=1'>trap</a>"
            f"<iframe srcdoc='<script>top.pwned=1</script>'></iframe>"
            f"<meta http-equiv=refresh content='0;{company.url}'>"
            f"<form action='{company.url}/form'><button>form</button></form><base href='{company.url}/'>"
            f"<link rel=stylesheet href='{company.url}/css'><style>body{{background:url({company.url}/bg)}}</style>"
        )
        await send_mail(world, "h@example.org", HOSTILE, HOSTILE, letter, sender='"<script>" <hello@shop.example.com>')
        await say(world, HOSTILE, [{"text": HOSTILE, "callback_data": "x"}])
        for app in ("sms", "whatsapp"):
            world.world.people.post(person, app, "company", f"*{HOSTILE}* javascript:alert(1)", sender=HOSTILE)
        world.world.live.notice({"kind": "progress", "text": HOSTILE, "done": 1, "total": 2})
        async with visiting(browser, world.url) as visit:
            key = people[0]["key"]
            seat = visit.page.locator(".seat").first
            assert await seat.get_attribute("data-key") == key
            assert await seat.locator("h2").inner_text() == HOSTILE
            for app in ("sms", "whatsapp", "telegram", "email"):
                await seat.locator(f".app[data-app={app}]").click()
                assert HOSTILE in await seat.locator(".app-view").inner_text()
            await seat.locator(".letter-row").click()
            frame = seat.frame_locator(".frame")
            await frame.get_by_text("trap").click()
            await frame.get_by_text("form").click()
            for kind in ("report", "error", "odd"):
                await world.post("/control/notice", {"kind": kind, "text": HOSTILE, "title": HOSTILE})
            await visit.page.get_by_role("button", name="Read it").click()
            await visit.page.locator("dialog .report").wait_for()
            for one in visit.page.frames:
                if not one.is_detached():
                    assert await one.evaluate("window.pwned === undefined")
            assert company.requests == []


async def test_policy_stops_inline_script(browser: Any, sandbox: Running) -> None:
    async with visiting(browser, sandbox.url) as visit:
        stopped = await visit.page.evaluate(
            """() => new Promise((done) => {
                 document.addEventListener("securitypolicyviolation", (event) => done(event.violatedDirective));
                 const script = document.createElement("script");
                 script.textContent = "window.pwned = 1";
                 document.body.append(script);
               })"""
        )
        assert stopped.startswith("script-src")
        assert await visit.page.evaluate("window.pwned === undefined")


async def test_a_page_that_fell_behind_reads_everything_again(browser: Any, sandbox: Running) -> None:
    async with visiting(browser, sandbox.url + "/?phones=anna") as visit:
        await until(lambda: sandbox.world.live.watched)
        for queue in list(sandbox.world.live._queues):
            sandbox.world.live.leave(queue)
            queue.put_nowait(None)
        sandbox.world.people.post(sandbox.world.people.get("anna"), "sms", "company", "Sent in the gap")
        await visit.seat("anna").get_by_text("Sent in the gap").wait_for()


async def test_what_comes_while_a_phone_is_read_again_stays(browser: Any, sandbox: Running) -> None:
    anna, live = sandbox.world.people.get("anna"), sandbox.world.live
    sandbox.world.people.post(anna, "sms", "company", "Before")
    async with visiting(browser, sandbox.url + "/?phones=anna") as visit:
        await until(lambda: live.watched)
        seat = visit.seat("anna")

        async def younger_than_its_answer(route: Any) -> None:
            answer = await route.fetch()
            read = await answer.json()
            read["threads"]["sms"][0]["text"] = "As it was read"
            if len(sandbox.texts("anna", "sms")) == 1:
                sandbox.world.people.post(anna, "sms", "company", "Meanwhile")
            await seat.get_by_text("Meanwhile").wait_for()
            await route.fulfill(response=answer, json=read)

        await visit.page.route("**/api/people/anna", younger_than_its_answer)
        for queue in list(live._queues):  # it fell behind
            live.leave(queue)
            queue.put_nowait(None)
        await seat.get_by_text("As it was read").wait_for()
        assert await seat.get_by_text("Meanwhile").count() == 1
        await visit.page.unroute_all(behavior="wait")


async def test_the_clock_is_the_directors_when_there_is_one(browser: Any, sandbox: Running) -> None:
    start = sandbox.world.clock.micros()
    async with visiting(browser, sandbox.url) as visit:
        await visit.page.get_by_role("button", name="+1 hour").click()
        await until(lambda: sandbox.world.clock.micros() == start + 3_600_000_000)
        await visit.page.locator("#clock").get_by_text("11:00").wait_for()

    await sandbox.get("/control/wishes", wait=0)
    async with visiting(browser, sandbox.url) as visit:
        await visit.page.get_by_role("button", name="+1 day").click()
        (wish,) = (await sandbox.get("/control/wishes", wait=20))["wishes"]
        assert (wish["kind"], wish["seconds"]) == ("advance", 86400)
        assert sandbox.world.clock.micros() == start + 3_600_000_000
        await sandbox.post("/control/notice", {"kind": "advanced", "sent": 2, "now": iso(start)})
        await visit.page.locator("#ticker").get_by_text("2 messages left").wait_for()


async def test_the_crash_is_told_in_steps(browser: Any, sandbox: Running) -> None:
    await sandbox.get("/control/wishes", wait=0)
    async with visiting(browser, sandbox.url) as visit:
        await visit.page.get_by_role("button", name="Crash the sender").click()
        assert (await sandbox.get("/control/wishes", wait=20))["wishes"][0]["kind"] == "crash_sender"
        story = visit.page.locator(".story")
        await story.locator("li.awaited").get_by_text("A letter leaves").wait_for()
        for phase in ("sending", "killed", "restarted"):
            await sandbox.post("/control/notice", {"kind": "crash", "phase": phase, "accepted": 47})
        await story.get_by_text("47 mails had left").wait_for()
        numbers = {"accepted": 240, "twice": 0, "lost": 0, "unknown": 1, "agree": True}
        await sandbox.post("/control/notice", {"kind": "crash", "phase": "compared", **numbers})
        await story.get_by_text("The ledgers agree").wait_for()
        tally = await story.locator(".tally").inner_text()
        assert tally.split() == ["240", "accepted", "0", "twice", "0", "lost", "1", "unknown"]
        assert visit.complaints == []


async def test_everything_goes_by_keyboard(browser: Any, sandbox: Running) -> None:
    async with visiting(browser, sandbox.url + "/?phones=anna") as visit:
        press = visit.page.keyboard.press
        await press("/")
        await visit.page.keyboard.type("dana")
        await visit.page.locator('#list [data-key="dana"]:only-child').wait_for()
        await press("ArrowDown")
        await press("Enter")
        await visit.seat("dana").wait_for()
        await visit.page.locator("#list button").first.focus()
        await press("1")
        assert await visit.page.evaluate("document.activeElement.dataset.key") == "anna"
        await visit.seat("anna").locator(".app[data-app=email]").focus()
        await press("Enter")
        await visit.seat("anna").locator(".mail").wait_for()
        await press("Escape")
        await visit.seat("anna").locator(".home").wait_for()
        await press("?")
        await visit.page.locator("dialog[open]").wait_for()
        await press("Escape")
        await visit.page.locator("dialog").wait_for(state="detached")
