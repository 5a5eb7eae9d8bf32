"""The customer's page in a real browser, and one thread of a person who comes by two ways."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import update

from core.actors import SYSTEM
from core.agents import Role
from core.clock import machine_now
from desk.access.agents import add_agent, change, set_password
from sandbox.mail.imap import PASSWORD as MAILBOX_PASSWORD
from sandbox.mail.imap import USER as MAILBOX
from storage import migrate
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Conversation, Customer, Event, Identity, Message
from tests.channels.webchat.stage import Stage, set_stage
from tests.desk.customers.conftest import Town
from tests.desk.seats import PASSWORD, asked_for_a_person, seated, taken
from tests.sandbox.scene import running


async def promoted(stage: Stage, email: str) -> None:
    async with stage.store.write() as connection:
        await change(connection, email, {"role": Role.MARKETER}, actor=SYSTEM, now=stage.clock.now())


async def test_from_the_thread_to_everything_about_them(stage: Stage, browser: Any) -> None:
    await promoted(stage, "ann@example.com")
    town, now = Town(stage.store, stage.clock), stage.clock.now()
    async with stage.window(zone="Asia/Tehran") as window, seated(browser, stage, "ann@example.com") as page:
        await window.say("hi", "key-0001")
        id_ = await asked_for_a_person(stage)
        who = (await stage.rows(Customer))[0]
        await town.put(*(
            Event(customer_id=who.id, name="viewed", at=now - timedelta(hours=n + 1), source="shop",
                  external_id=str(n), recorded_at=now)
            for n in range(50)
        ))  # fmt: skip
        other = await town.somebody(first_name="Vera", last_name="Lind", city="Riga", search="vera lind")
        await page.goto(f"{stage.url}/desk/inbox/{id_}")
        await page.locator("aside.card").get_by_text("Asia/Tehran").wait_for()
        await page.locator("aside.card h2 a").click()
        await page.locator("h1", has_text="Vera").wait_for()
        assert re.search("15:30 · .?Asia/Tehran.? \\(guessed\\)", await page.locator(".facts").inner_text())
        await page.locator("details", has_text="Change name").locator("summary").click()
        await page.locator("[name=last_name]").fill("Lind")
        await page.locator("[name=city]").fill("Riga")
        await page.locator("details[open] button.act").click()
        await page.get_by_role("status").get_by_text("Saved").wait_for()
        await page.locator("[name=tag]").last.fill("поэзия")
        await page.keyboard.press("Enter")
        await page.locator(".chips .badge", has_text="поэзия").wait_for()
        await page.locator(".thing", has_text="Tag added").wait_for()
        await page.wait_for_load_state()  # with its script: else the link leads to a page of its own
        shown = await page.locator(".thing").count()
        await page.locator("a[data-more]").click()
        await page.locator(".thing").nth(shown).wait_for()
        assert page.url.endswith("done=tag"), "the timeline grows in its place"
        await page.locator(".tabs a", has_text="Events").click()
        await page.locator(".thing.k-event").first.wait_for()
        assert await page.locator(".thing:not(.k-event)").count() == 0
        await page.locator(".alike a", has_text="Same person").click()
        await page.get_by_role("button", name="One person: join them").click()
        await page.get_by_role("status").get_by_text("They are one customer now").wait_for()
        assert [one.id for one in await stage.rows(Customer)] == [who.id]
        await page.get_by_role("button", name="Undo").click()
        await page.get_by_role("status").get_by_text("Two customers again").wait_for()
        assert {one.id for one in await stage.rows(Customer)} == {who.id, other.id}


async def test_in_persian_on_a_phone(stage: Stage, browser: Any) -> None:
    town = Town(stage.store, stage.clock)
    who = await town.vera()
    visitor = await town.somebody()
    place = await town.place(visitor, "webchat", "3" * 26, verified=True)
    await promoted(stage, "reza@example.com")
    async with seated(browser, stage, "reza@example.com", width=390) as page:
        await page.goto(f"{stage.url}/desk/customers/{who.id}")
        await page.locator(".thing", has_text="Where is my lantern?").wait_for()
        assert await page.evaluate("document.documentElement.dir") == "rtl"
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390, "nothing sticks out"
        for summary in await page.locator("details summary").all():
            await summary.click()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390, "nor of what opens"
        await page.locator("[name=said][value=no]").check()
        await page.locator("[name=source]").fill("تلفنی")
        await page.locator("[name=wording]").fill("دیگر ننویسید")
        await page.locator("form[action$=consent] button").click()
        await page.get_by_role("status").get_by_text("ثبت شد").wait_for()
        await page.locator(".thing.k-consent", has_text="دیگر ننویسید").first.wait_for()
        await page.goto(f"{stage.url}/desk/customers/{visitor.id}")
        await page.locator("h1", has_text="بازدیدکننده").wait_for()
        assert place.address not in await page.content()


@asynccontextmanager
async def beside_a_mailbox(folder: Path, mail: Any) -> AsyncIterator[Stage]:
    """The desk with a web chat and a mail account, whose server and mailbox are stand-ins."""
    account = {
        "host": "127.0.0.1", "port": str(mail.world.smtp_port), "tls": "none", "sender": "hello@shop.example.com",
        "reply_address": "reply@shop.example.com", "imap_host": "127.0.0.1", "imap_tls": "none",
        "imap_port": str(mail.world.mailbox.port), "imap_username": MAILBOX, "imap_password": MAILBOX_PASSWORD,
        "imap_history": "all",
    }  # fmt: skip
    async with await Store.open(f"sqlite:///{folder / 'store.sqlite3'}") as store:
        await migrate.upgrade(store)
        async with store.write() as connection:
            await add_agent(connection, "ann@example.com", "Ann Stone", actor=SYSTEM, now=machine_now())
            await set_password(connection, "ann@example.com", PASSWORD, actor=SYSTEM, now=machine_now())
        async with set_stage(store, folder, beside={"email": account}) as stage:
            yield stage


async def test_one_thread_from_the_chat_to_the_mailbox(browser: Any, tmp_path: Path) -> None:
    async with running() as mail, beside_a_mailbox(tmp_path, mail) as stage:
        async with stage.window(name="Anna") as window, seated(browser, stage, "ann@example.com") as page:
            await window.say("Do you have the blue one?", "key-0001")
            chat = await asked_for_a_person(stage)
            async with stage.store.write() as connection:
                await connection.execute(update(table(Customer)).values(first_name="Anna"))
            await page.goto(f"{stage.url}/desk/inbox/{chat}")
            await page.locator(".entry.customer").get_by_text("the blue one").wait_for()
            await taken(stage, page)
            await page.locator("aside.card h2 a").click()
            await page.locator("details", has_text="Prove an address").locator("summary").click()
            await page.locator("[name=address]").fill("anna@example.org")
            await page.get_by_role("button", name="Send a code").click()
            await page.get_by_role("status").get_by_text("A code is on its way").wait_for()

            async def code() -> str:
                found = [re.search(r"\b\d{6}\b", text) for text in mail.texts("anna", "email")]
                return next((one[0] for one in found if one), "")

            await window.say(await stage.until(code), "key-0002")
            proven = table(Identity).c.address == "anna@example.org", table(Identity).c.verified.is_(True)
            await stage.until(lambda: stage.rows(Identity, *proven))

            await page.goto(f"{stage.url}/desk/inbox/{chat}")
            await page.locator("[name=identity]").select_option(label="Email · anna@example.org")
            await page.locator(".composer textarea").fill("Yes. I will keep one for you.")
            await page.locator(".composer button.act").click()
            await page.locator(".entry.agent", has_text="keep one for you").wait_for()

            async def arrived() -> bool:
                return any("keep one for you" in text for text in mail.texts("anna", "email"))

            await stage.until(arrived)
            await mail.do("anna", do="reply", channel="email", text="Thank you, I come on Friday")
            answered = page.locator(".entry.customer", has_text="I come on Friday")
            await answered.wait_for()
            assert await answered.locator(".badge").inner_text() == "Email"
            assert await page.locator(".entry.customer", has_text="the blue one").count() == 1, "in the same thread"
            await page.goto(f"{stage.url}/desk/customers/{(await stage.rows(Customer))[0].id}")
            await page.locator(".thing", has_text="I come on Friday").wait_for()
        assert len(await stage.rows(Conversation)) == 1
        assert len(await stage.rows(Customer)) == 1
        heard = await stage.rows(Message, table(Message).c.direction == "in")
        assert {(one.channel, one.conversation_id) for one in heard} == {("webchat", chat), ("email", chat)}
