"""The inbox in a real browser as agents use it all day."""

import asyncio
import base64
import hashlib
from pathlib import Path
from typing import Any

from sqlalchemy import select

from core.actors import SYSTEM
from core.agents import Presence, Role
from core.ids import new_id
from core.machines.message import MessageState
from desk.access.agents import change
from desk.canned.replies import Reply, keep
from storage.outbox.columns import table
from storage.tables import Agent, Blob, CannedReply, Conversation, Identity, Message, SearchText
from tests.channels.webchat.stage import Stage
from tests.desk.seats import asked_for_a_person, seated, taken

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


async def opened(stage: Stage, page: Any) -> str:
    """The visitor's conversation, on the agent's screen."""
    id_ = await asked_for_a_person(stage)
    await page.goto(f"{stage.url}/desk/inbox/{id_}")
    await page.locator(".entry.customer").first.wait_for()
    return id_


async def test_a_canned_reply_by_a_stroke(stage: Stage, browser: Any) -> None:
    async with stage.store.write() as connection:
        for name, text in (("hello", "Hello {{ customer.first_name }}!"), ("bye", "Good bye")):
            await keep(connection, Reply("", name, "", text), actor=SYSTEM, now=stage.clock.now())
    async with stage.window() as window, seated(browser, stage, "ann@example.com") as page:
        await window.say("hi", "key-0001")
        await opened(stage, page)
        await page.locator("body").click()
        await page.keyboard.press("/")
        await page.locator("#canned li").nth(1).wait_for()
        await page.keyboard.type("hel")
        await page.locator("#canned li").get_by_text("Hello Vera!").wait_for()
        assert await page.locator("#canned li").count() == 1
        await page.keyboard.press("Enter")
        assert await page.locator(".composer textarea").input_value() == "Hello Vera!"
        assert await page.locator("#canned").is_hidden()
        assert await page.locator(".badge.ch-webchat").first.inner_text() == "Web chat"


async def test_marketers_keep_the_replies(stage: Stage, browser: Any) -> None:
    async with seated(browser, stage, "ann@example.com") as page:
        assert (await page.goto(f"{stage.url}/desk/canned")).status == 403
        async with stage.store.write() as connection:
            now = stage.clock.now()
            await change(connection, "ann@example.com", {"role": Role.MARKETER}, actor=SYSTEM, now=now)
        await page.goto(f"{stage.url}/desk/canned")
        await page.locator("form.panel [name=name]").fill("late")
        await page.locator("form.panel textarea").fill("It is {{ customer.late }}")
        await page.locator("form.panel button").click()
        await page.get_by_role("alert").get_by_text("customer.late").wait_for()
        assert await page.locator("form.panel [name=name]").input_value() == "late", "what was written is kept"
        await page.locator("form.panel textarea").fill("It is late, {{ customer.first_name }}")
        await page.locator("form.panel button").click()
        await page.locator("details.panel").get_by_text("/late").wait_for()
    async with stage.store.read() as connection:
        assert list(await connection.scalars(select(table(CannedReply).c.name))) == ["late"]


async def test_somebody_is_found_from_the_keyboard(stage: Stage, browser: Any) -> None:
    async with stage.window() as window, seated(browser, stage, "ann@example.com") as page:
        await window.say("where is my lantern", "key-0001")
        id_ = await asked_for_a_person(stage)
        await stage.until(lambda: stage.rows(SearchText))  # the index reads along, a moment later
        await page.goto(f"{stage.url}/desk/inbox")
        await page.locator(f"#line-{id_}").wait_for()
        await page.keyboard.press("Control+k")
        await page.keyboard.type("lantern")
        await page.locator("dialog .line").get_by_text("Vera").wait_for()
        await page.keyboard.press("Enter")
        await page.locator(".entry.customer").get_by_text("lantern").wait_for()
        await page.goto(f"{stage.url}/desk/search?q=nobody+here")
        await page.get_by_text("Nobody fits this").wait_for()


async def mailed(stage: Stage, id_: str) -> None:
    """The customer also wrote a mail, with a picture inside, one from outside and a script."""
    raw = (
        b"From: vera@example.org\r\nSubject: Parcel\r\nContent-Type: text/html\r\n\r\n"
        b"<p>Broken box</p><script>parent.document.title='1'</script><img src='%s/spy.png'>" % stage.url.encode()
    )
    row = (await stage.rows(Conversation))[0]
    now, kept = stage.clock.now(), {"mail": raw, "box.png": PNG}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in kept.items()}
    there = Identity(
        customer_id=row.customer_id, channel="email", address="vera@example.org", key="vera", created_at=now
    )  # fmt: skip
    noted = {"name": "box.png", "media_type": "image/png", "size": len(PNG), "blob": hashes["box.png"]}
    said = Message(
        direction="in", state=MessageState.DELIVERED, customer_id=row.customer_id, identity_id=there.id,
        channel="email", conversation_id=id_, body="Broken box", raw_blob=hashes["mail"], created_at=now,
        content={"attachments": [noted]},
    )  # fmt: skip
    async with stage.store.write() as connection:
        for name, content in kept.items():
            values = {"hash": hashes[name], "size": len(content), "media_type": "", "content": content}
            await connection.execute(table(Blob).insert().values(**values, created_at=now))
        await connection.execute(table(Identity).insert(), there.model_dump())
        await connection.execute(table(Message).insert(), said.model_dump())


async def test_files_and_mails_in_the_thread(stage: Stage, browser: Any, tmp_path: Path) -> None:
    bill = tmp_path / "bill.pdf"
    bill.write_bytes(b"%PDF-1.4")
    async with stage.window() as window, seated(browser, stage, "ann@example.com") as page:
        await window.say("hi", "key-0001")
        id_ = await asked_for_a_person(stage)
        await mailed(stage, id_)
        loaded: list[str] = []
        page.on("requestfinished", lambda request: loaded.append(request.url))
        await page.goto(f"{stage.url}/desk/inbox/{id_}")
        picture = page.locator(".entry .file img")
        # in one breath, as an entry may be replaced at any moment; and not page.wait_for_function: waiting, it
        # evaluates strings, which our pages forbid
        seen = "picture => (picture.scrollIntoView(), picture.naturalWidth === 1)"
        await stage.until(lambda: picture.evaluate(seen))
        await page.locator(".entry[data-html] .mail").wait_for()  # put anew by the first news, and left then
        await page.locator(".mail summary").click()
        frame = page.frame_locator(".mail iframe")
        await frame.get_by_text("Broken box").wait_for()
        assert await page.title() != "1", "a mail's scripts do not run"
        assert [url for url in loaded if "spy" in url] == [], "nothing is loaded from outside"
        await taken(stage, page)
        await page.locator(".head").get_by_text("Ann Stone").wait_for()
        await page.locator("[name=identity]").select_option(label="Email · vera@example.org")
        await page.locator("[name=files]").set_input_files(bill)
        await page.locator(".attach").get_by_text("bill.pdf").wait_for()
        await page.locator(".composer button.act").click()
        await page.locator(".entry.agent .file").get_by_text("bill.pdf").wait_for()
        assert await page.locator(".mail iframe").count() == 1, "what is open stays open"
        sent = await stage.rows(Message, table(Message).c.direction == "out", table(Message).c.channel == "email")
        assert [one["name"] for one in sent[0].content["attachments"]] == ["bill.pdf"]


async def in_menu(page: Any, name: str) -> Any:
    """A button of the menu above the thread, which is opened if it is not."""
    button = page.get_by_role("button", name=name, exact=True)
    async with asyncio.timeout(45):
        while not await button.is_visible():
            await page.locator(".menu:not([open]) summary, .menu[open] button").first.wait_for()
            if not await page.locator(".menu[open]").count():
                await page.locator(".menu summary").click()
    return button


async def test_passing_on_and_going_away(stage: Stage, browser: Any) -> None:
    async with stage.window() as window, seated(browser, stage, "ann@example.com") as page:
        await window.say("hi", "key-0001")
        await opened(stage, page)
        await taken(stage, page)
        await page.reload()
        await page.locator(".head .title").get_by_text("Ann Stone").wait_for()
        await page.locator("#head optgroup[data-from]").wait_for(state="attached")  # else news might undo the choice
        await in_menu(page, "Transfer")
        await page.locator("[name=to]").select_option(index=0)
        await (await in_menu(page, "Transfer")).click()
        await page.locator(".head .title").get_by_text("رضا کریمی").wait_for()
        await (await in_menu(page, "Spam")).click()
        await page.locator(".head .badge").get_by_text("spam").wait_for()
        await (await in_menu(page, "Not spam")).click()
        await in_menu(page, "Spam")
        here = page.url
        await page.get_by_role("button", name="Online").click()
        await page.get_by_role("button", name="Away").wait_for()
        assert page.url == here, "the switch leaves one where one was"
        found = {row.name: row.presence for row in await stage.rows(Agent)}
        assert found["Ann Stone"] is Presence.AWAY


async def said_before(stage: Stage, id_: str, *, number: int, first: int = 0) -> None:
    """So many more messages of the visitor, each its number as its text."""
    async with stage.store.write() as connection:
        rows = table(Message)
        mine = select(rows).where(rows.c.conversation_id == id_, rows.c.direction == "in")
        like = (await connection.execute(mine)).first()
        assert like is not None
        for count in range(first, first + number):
            more = {"id": new_id(), "body": f"number {count}", "provider_id": None, "created_at": stage.clock.now()}
            await connection.execute(rows.insert(), {**like._mapping, **more})


async def test_a_long_thread_is_read_upwards_and_many_messages_at_once_leave_no_gap(stage: Stage, browser: Any) -> None:
    async with stage.window() as window, seated(browser, stage, "ann@example.com") as page:
        await window.say("hi", "key-0001")
        id_ = await asked_for_a_person(stage)
        await said_before(stage, id_, number=130)
        await page.goto(f"{stage.url}/desk/inbox/{id_}")
        shown = page.locator(".entry.customer")
        await page.get_by_text("number 129", exact=True).wait_for()
        assert await shown.count() <= 60
        while await page.locator(".earlier a").count():
            link = await page.locator(".earlier a").get_attribute("href")
            await page.locator(".thread").evaluate("(thread) => { thread.scrollTop = 0; }")
            await page.locator(f'.earlier a[href="{link}"]').wait_for(state="detached")
        texts = await shown.locator(".text").all_inner_texts()
        assert texts[-130:] == [f"number {count}" for count in range(130)]
        assert await page.locator(".thread").evaluate("(thread) => thread.scrollTop") > 100, "what was read stays there"
        await said_before(stage, id_, number=150, first=130)
        await page.get_by_text("number 279", exact=True).wait_for()
        assert (await shown.locator(".text").all_inner_texts())[-280:] == [f"number {count}" for count in range(280)]


async def test_a_long_thread_is_read_without_scripts(stage: Stage, browser: Any) -> None:
    async with (
        stage.window() as window,
        seated(browser, stage, "ann@example.com", java_script_enabled=False) as page,
    ):
        await window.say("hi", "key-0001")
        id_ = await asked_for_a_person(stage)
        await said_before(stage, id_, number=130)
        await page.goto(f"{stage.url}/desk/inbox/{id_}")
        texts = page.locator(".entry.customer .text")
        newest = await texts.all_inner_texts()
        assert newest[-1] == "number 129"
        await page.locator(".earlier a").click()
        await page.wait_for_url("**?before=*")  # and until all of it is there
        before = await texts.all_inner_texts()
        assert not set(before) & set(newest), "each stretch ends where the other begins"
        assert int(before[-1].split()[1]) + 1 == int(newest[0].split()[1])
        await page.get_by_role("link", name="To the newest messages").click()
        await page.wait_for_url(f"**/desk/inbox/{id_}")
        # as before, but for what the service itself did meanwhile (an assignment is a line, too)
        assert (await texts.all_inner_texts())[-50:] == newest[-50:]
