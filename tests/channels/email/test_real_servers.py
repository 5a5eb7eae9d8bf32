"""Against servers that we did not write: Debian's Postfix and Dovecot, where they are installed."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from bot.processing import Processor
from channels.email.adapter import EmailAdapter
from channels.email.mailbox import ImapMailbox, MailboxUnreachable
from channels.email.settings import EmailSettings, ImapSettings
from core.clock import VirtualClock
from core.machines.message import MessageState
from core.messages import EMAIL, Address, DeliveryReport, InboundMessage
from core.tokens import Signer
from otklik.demo.processes import kept_port
from storage.intake import Intake
from storage.tables import Identity, Message
from tests.bot.scene import SECRET, Scene
from tests.channels.email.real_servers import (
    OURS,
    PASSWORD,
    delivered,
    dovecot,
    needs_dovecot,
    needs_postfix,
    place,
    postfix,
)  # fmt: skip
from tests.conftest import NOW


@pytest.fixture
def ports():
    """Two that are nobody else's, also while the server of ours is away."""
    with kept_port() as one, kept_port() as other:
        yield one, other


@asynccontextmanager
async def opened(port, **changes):
    fields = {"username": "reply", "password": PASSWORD, "tls": "none", "idle": 0.0, "history": "all", "timeout": 60.0}
    box = ImapMailbox(ImapSettings("127.0.0.1", port=port, account=EMAIL, **{**fields, **changes}))
    try:
        yield box
    finally:
        await box.close()


def letter(number):
    return f"From: a@example.net\r\nMessage-ID: <{number}@example.net>\r\n\r\nmail {number}\r\n".encode()


async def everything(box, cursor, pages=50):
    """(all that came after ``cursor``, the cursor then)."""
    found = []
    for _ in range(pages):
        more, cursor = await box.poll(cursor)
        if not more:
            return found, cursor
        found += more
    raise AssertionError("it gives the same again and again")


def numbers(found):
    return sorted(int(raw.payload.split(b"mail ")[1]) for raw in found)


@needs_dovecot
async def test_away_for_days_and_renumbered_by_dovecot(scene: Scene, ports):
    port, bob = ports[0], Address(EMAIL, "a@example.net")
    async with place() as where, opened(port, batch=7) as box:
        for number in range(20):
            delivered(where, number, letter(number))
        async with dovecot(where, port):
            found, cursor = await everything(box, {})
            assert numbers(found) == list(range(20))
        for number in range(20, 60):  # while the server, or we, are away
            delivered(where, number, letter(number))
        for _ in range(2):
            try:
                await box.poll(cursor)
            except MailboxUnreachable:
                continue
            raise AssertionError("there is no server")
        async with dovecot(where, port):
            later, cursor = await everything(box, cursor)
            assert numbers(later) == list(range(20, 60))
            assert await everything(box, cursor) == ([], cursor)
        for kept in ("dovecot-uidlist", "dovecot-uidvalidity"):
            (where / "mail" / "shop" / kept).unlink(missing_ok=True)
        for kept in (where / "mail" / "shop").glob("dovecot*"):
            kept.unlink()
        delivered(where, 60, letter(60))
        while time.time() < cursor["uidvalidity"] + 1:  # noqa: ASYNC110  the new number is the time, in seconds
            await asyncio.sleep(0.05)
        async with dovecot(where, port):
            again, renumbered = await everything(box, cursor)
            assert renumbered["uidvalidity"] != cursor["uidvalidity"]
            assert numbers(again) == list(range(61))
        async with Intake(scene.store, VirtualClock(NOW)) as intake:
            await intake.store(found + later + again)
        work = Processor(scene.store, {EMAIL: box.parse}, VirtualClock(NOW), SECRET)
        while await work.pending():
            await work.run_once()
    logged = await scene.all(Message, direction="in")
    assert sorted(row.body for row in logged) == sorted(f"mail {number}" for number in range(61))
    assert [row.address for row in await scene.all(Identity)] == [bob.value]


@needs_dovecot
async def test_dovecot_announces_news_to_who_idles(ports):
    port = ports[0]
    async with place() as where, dovecot(where, port), opened(port, idle=120.0) as box, asyncio.timeout(100):
        delivered(where, 1, letter(1))
        found, cursor = await box.poll({})
        assert numbers(found) == [1]
        waiting = asyncio.create_task(box.poll(cursor))
        number = 2
        while not waiting.done():
            delivered(where, number, letter(number))
            number += 1
            await asyncio.wait((waiting,), timeout=1)
        assert numbers(waiting.result()[0])[0] == 2
        assert box._announces


@needs_postfix
@needs_dovecot
async def test_postfixs_own_reports_come_back_by_dovecot(scene: Scene, mail, ports):
    """A mail to nobody: Postfix's report, fetched from Dovecot, ends the address; a warning ends nothing."""
    smtp, imap = ports
    person, slow = await scene.person(), await scene.person()
    lost = await scene.message(person, None)
    late = await scene.message(slow, None)
    settings = EmailSettings(
        "127.0.0.1", f"vera@{OURS}", port=smtp, tls="none", bounce_address=f"reply@{OURS}",
        reply_address=f"reply@{OURS}", imap_host="127.0.0.1",
        imap_port=imap, imap_tls="none", imap_username="reply", imap_password=PASSWORD, imap_history="all",
    )  # fmt: skip
    async with place() as where, postfix(where, smtp), dovecot(where, imap), asyncio.timeout(180):
        adapter, box = EmailAdapter(settings), ImapMailbox(settings.mailbox())
        await adapter.open()
        try:
            signed = f"reply+{Signer(SECRET, 'reply').sign(lost)}@{OURS}"
            await adapter.send(mail(id=lost, to=Address(EMAIL, "nobody-here@example.net"), reply_to=signed))
            await adapter.send(mail(id=late, to=Address(EMAIL, "mina@later.example.org")))
            await adapter.send(mail(to=Address(EMAIL, f"reply@{OURS}"), text="an ordinary mail"))
            raws, cursor = [], {}
            while len(raws) < 3:
                more, cursor = await box.poll(cursor)
                raws += more
        finally:
            await box.close()
            await adapter.close()
    assert any(f"Delivered-To: {signed}".encode() in raw.payload for raw in raws), "a return address for each mail"
    events = [event for raw in raws for event in box.parse(raw)]
    by_message = {event.message_id: event for event in events if isinstance(event, DeliveryReport)}
    assert (by_message[lost].status, by_message[lost].failure) == (MessageState.FAILED, "bad_address")
    assert by_message[late].status is MessageState.ACCEPTED
    [ordinary] = [event for event in events if isinstance(event, InboundMessage)]
    assert ordinary.text == "an ordinary mail"
    async with Intake(scene.store, VirtualClock(NOW)) as intake:
        await intake.store(raws)
    work = Processor(scene.store, {EMAIL: box.parse}, VirtualClock(NOW), SECRET)
    while await work.pending():
        await work.run_once()
    ended, kept = [await scene.get(Identity, one.identities[EMAIL]) for one in (person, slow)]
    assert (ended.reachable, ended.unreachable_reason, kept.reachable) == (False, "bad_address", True)
    assert (await scene.get(Message, late)).state is MessageState.ACCEPTED
