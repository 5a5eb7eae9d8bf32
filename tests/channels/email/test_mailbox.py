"""Fetching by IMAP from a real server: nothing skipped, nothing stuck, no thread left behind."""

import asyncio
import socket
import threading
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from channels.adapter import Polls
from channels.email import mailbox as module
from channels.email.mailbox import ImapMailbox, MailboxUnreachable
from channels.email.settings import EmailSettings, ImapSettings
from core.errors import ConfigurationError
from core.messages import InboundMessage
from otklik.demo.processes import kept_port
from sandbox.mail.imap import PASSWORD, USER, CompanyMailbox

NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)


def letter(number, size=0):
    return f"From: a@example.net\r\nMessage-ID: <{number}@example.net>\r\n\r\nmail {number}{'x' * size}\r\n".encode()


@pytest.fixture
async def server():
    company = CompanyMailbox()
    with kept_port() as port:  # nobody else's while the server is away
        await company.start("127.0.0.1", port)
        yield company
        await company.close()


@asynccontextmanager
async def opened(port, **changes):
    fields = {"username": USER, "password": PASSWORD, "tls": "none", "timeout": 60.0, "idle": 0.0, "history": "all"}
    box = ImapMailbox(ImapSettings("127.0.0.1", port=port, account="email", **{**fields, **changes}))
    try:
        yield box
    finally:
        await box.close()
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("imap-email")]


async def delivered(server, *numbers, **more):
    for number in numbers:
        await server.deliver(letter(number, **more), NOW)


def numbers(found):
    return [raw.payload.split(b"mail ")[1].split(b"x")[0].strip().decode() for raw in found]


async def test_mails_come_once_in_order_as_they_are(server):
    await delivered(server, 1, 2)
    async with opened(server.port) as box:
        assert isinstance(box, Polls)
        found, cursor = await box.poll({})
        assert [raw.payload for raw in found] == [letter(1), letter(2)]
        assert [raw.key for raw in found] == [f"{cursor['uidvalidity']}:{uid}" for uid in (101, 102)]
        assert await box.poll(cursor) == ([], cursor)
        await delivered(server, 3)
        found, later = await box.poll(cursor)
        assert numbers(found) == ["3"]
        [event] = box.parse(found[0])
        assert isinstance(event, InboundMessage)
        assert event.text == "mail 3"
        # The same cursor again, as after a crash before it was kept: the same mail, under the same key.
        again, _ = await box.poll(cursor)
        assert again == found
    async with opened(server.port) as box:
        assert await box.poll(later) == ([], later)


async def test_what_was_there_before_the_first_poll_is_left_alone(server):
    await delivered(server, 1, 2)
    async with opened(server.port, history="new") as box:
        found, cursor = await box.poll({})
        assert found == []
        await delivered(server, 3)
        found, cursor = await box.poll(cursor)
        assert numbers(found) == ["3"]
        assert cursor["since"] in ("1-Dec-2026", "01-Dec-2026")


async def test_an_empty_mailbox_is_a_starting_point_too(server):
    async with opened(server.port, history="new") as box:
        _, cursor = await box.poll({})
        await delivered(server, 1)
        assert numbers((await box.poll(cursor))[0]) == ["1"]


async def test_batches_go_on_where_the_last_one_ended(server):
    await delivered(server, *range(7))
    async with opened(server.port, batch=3) as box:
        seen, cursor = [], {}
        for _ in range(3):
            found, cursor = await box.poll(cursor)
            seen.append(numbers(found))
        assert seen == [["0", "1", "2"], ["3", "4", "5"], ["6"]]
    async with opened(server.port, batch_bytes=1) as box:
        assert numbers((await box.poll({}))[0]) == ["0"]


async def test_a_large_folder_is_asked_in_parts(server, monkeypatch):
    monkeypatch.setattr(module, "ASKED_AT_ONCE", 3)
    await delivered(server, *range(11))
    async with opened(server.port) as box:
        seen, cursor = [], {}
        while found := (answer := await box.poll(cursor))[0]:
            cursor = answer[1]
            assert len(found) <= 3
            seen += numbers(found)
        assert seen == [str(number) for number in range(11)]
        await delivered(server, 11)
        assert numbers((await box.poll(cursor))[0]) == ["11"]
    async with opened(server.port, history="new") as box:
        assert (await box.poll({}))[1]["uid"] == cursor["uid"] + 1


async def test_a_mail_that_is_too_large_comes_by_its_header(server):
    await delivered(server, 1, size=5_000)
    async with opened(server.port, largest=1_000) as box:
        [raw], _ = await box.poll({})
        assert len(raw.payload) < 1_000
        [event] = box.parse(raw)
        assert event.message_id == "<1@example.net>"
        assert "too large" in event.text


@pytest.mark.parametrize("fails_at", [1, 2])
async def test_a_failed_fetch_does_not_move_on(server, monkeypatch, fails_at):
    await delivered(server, 1, 2, 3)
    fetched, bodies = module._fetched, []

    def failing(box, uids, parts):
        if "BODY" in parts:
            bodies.append(uids)
            if len(bodies) == fails_at:
                raise OSError("the server broke off")
        return fetched(box, uids, parts)

    monkeypatch.setattr(module, "_fetched", failing)
    async with opened(server.port) as box:
        cursor = {}
        if fails_at == 1:
            with pytest.raises(MailboxUnreachable, match="broke off"):
                await box.poll(cursor)
        seen = []
        for _ in range(2):
            found, cursor = await box.poll(cursor)
            seen += numbers(found)
        assert seen == ["1", "2", "3"]


async def test_renumbered_mails_are_given_again(server):
    await delivered(server, 1, 2)
    async with opened(server.port) as box:
        _, cursor = await box.poll({})
        await server.renumber()
        await delivered(server, 3)
        found, later = await box.poll(cursor)
        assert numbers(found) == ["1", "2", "3"]
        assert later["uidvalidity"] != cursor["uidvalidity"]
        assert [box.parse(raw)[0].key for raw in found] == [f"<{number}@example.net>" for number in (1, 2, 3)]


async def test_renumbering_does_not_bring_old_history(server):
    await server.deliver(letter(1), datetime(2020, 1, 1, tzinfo=UTC))
    await delivered(server, 2)
    async with opened(server.port, history="new") as box:
        _, cursor = await box.poll({})
        await delivered(server, 3)
        await server.renumber()
        assert numbers((await box.poll(cursor))[0]) == ["2", "3"]


async def test_the_server_away_and_back(server):
    async with opened(server.port) as box:
        _, cursor = await box.poll({})
    await delivered(server, 1)
    await server.close()
    async with opened(server.port) as box:
        with pytest.raises(MailboxUnreachable, match=f":{server.port}"):
            await box.poll(cursor)
        await server.open()
        assert numbers((await box.poll(cursor))[0]) == ["1"]


async def test_a_connection_that_timed_out_is_replaced_without_a_word(server):
    async with opened(server.port) as box:
        _, cursor = await box.poll({})
        await delivered(server, 1)
        box._box.client.sock.shutdown(socket.SHUT_RDWR)
        assert numbers((await box.poll(cursor))[0]) == ["1"]


async def test_news_end_the_wait(server):
    async with opened(server.port, idle=120.0) as box, asyncio.timeout(60):
        task = asyncio.create_task(box.poll({}))
        while not await _waits(box):
            pass
        number = 0
        while not task.done():  # this server can miss what comes in the moment in which IDLE begins
            await delivered(server, number)
            await asyncio.wait((task,), timeout=0.1)
            number += 1
        found, _ = task.result()
        assert numbers(found)[0] == "0"


async def _waits(box):
    """Whether the server has let the thread into IDLE; gives the loop a turn."""
    await asyncio.sleep(0)
    return box._box is not None and "Idling" in str(box._box.client.continuation_response)


async def test_cancelling_a_wait_ends_the_thread(server):
    async with opened(server.port, idle=120.0) as box, asyncio.timeout(60):
        task = asyncio.create_task(box.poll({}))
        while not await _waits(box):
            pass
        task.cancel()
        async with asyncio.timeout(30):  # less than any time-out of its own
            with pytest.raises(asyncio.CancelledError):
                await task
        await delivered(server, 1)
        assert numbers((await box.poll({}))[0]) == ["1"]


async def test_closing_breaks_off_a_wait(server):
    async with opened(server.port, idle=120.0) as box, asyncio.timeout(60):
        task = asyncio.create_task(box.poll({}))
        while not await _waits(box):
            pass
        async with asyncio.timeout(30):
            await box.close()
        with pytest.raises((MailboxUnreachable, RuntimeError)):
            await task


async def test_a_logout_that_fails_leaves_no_socket(server):
    async with opened(server.port) as box:
        await box.poll({})
        kept = box._box.client.sock
        kept.shutdown(socket.SHUT_RDWR)
    assert kept.fileno() == -1


async def test_a_silent_server_does_not_stop_the_loop():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        async with opened(port, timeout=0.3) as box:
            with pytest.raises(MailboxUnreachable):
                await box.poll({})
        async with opened(port) as box:
            task = asyncio.create_task(box.poll({}))
            for _ in range(10):
                await asyncio.sleep(0.01)
            assert not task.done()  # the loop went on while the thread waited
            silent.close()
            with pytest.raises(MailboxUnreachable):
                await task


async def test_mistakes_of_the_settings_are_told(server):
    async with opened(server.port, password="wr0ng") as box:
        with pytest.raises(ConfigurationError, match="check imap_username and imap_password") as caught:
            await box.check()
        assert "wr0ng" not in str(caught.value)
    async with opened(server.port, folder="Nowhere") as box:
        with pytest.raises(ConfigurationError, match="imap_folder"):
            await box.poll({})
    async with opened(server.port) as box:
        assert "opens INBOX" in await box.check()
    await server.close()
    async with opened(server.port) as box:
        with pytest.raises(ConfigurationError, match="check imap_host"):
            await box.check()


@pytest.mark.parametrize("field", ["imap_username", "imap_password", "imap_folder"])
@pytest.mark.parametrize("bad", ["a\r\nb", "a\nA1 DELETE INBOX", "a\x00"])
def test_no_command_is_injected_by_a_setting(field, bad):
    settings = EmailSettings("x", "a@example.org", imap_host="x", **{"imap_username": "u", field: bad})
    with pytest.raises(ConfigurationError, match=field):
        settings.mailbox()
