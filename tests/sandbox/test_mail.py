"""The mail server with aiosmtplib and raw sockets; the company's mailbox with imap-tools."""

import asyncio
from email import message_from_bytes
from email.message import EmailMessage
from select import select
from threading import Event

import aiosmtplib
import pytest
from imap_tools import MailBoxUnencrypted

from sandbox.mail.imap import PASSWORD, USER
from tests.sandbox.browser import until
from tests.sandbox.scene import Company, Running, running


def mail(to: str = "anna@example.org", **headers: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Shop <hello@shop.example.com>"
    message["To"] = to
    message["Subject"] = headers.pop("subject", "Добрый день")
    message["Message-ID"] = headers.pop("message_id", "<0abc@shop.example.com>")
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content("Hello Anna\nsee http://127.0.0.1:9/c/1\n")
    message.add_alternative('<p>Hello <a href="http://127.0.0.1:9/c/1">Anna</a></p>', subtype="html")
    return message


def client(sandbox: Running, **more: object) -> aiosmtplib.SMTP:
    return aiosmtplib.SMTP(hostname="127.0.0.1", port=sandbox.world.smtp_port, start_tls=False, timeout=60, **more)


async def fetch(sandbox: Running) -> list[bytes]:
    def read() -> list[bytes]:
        with MailBoxUnencrypted("127.0.0.1", sandbox.world.mailbox.port).login(USER, PASSWORD) as box:
            return [found.obj.as_bytes() for found in box.fetch(mark_seen=False)]

    return await asyncio.to_thread(read)


async def test_an_accepted_mail_is_on_the_phone_and_in_the_ledger(sandbox: Running) -> None:
    async with client(sandbox) as smtp:
        _, reply = await smtp.send_message(mail())
    assert "queued as" in reply
    (entry,) = await sandbox.ledger()
    assert entry["otklik_id"] == "0abc"
    assert (entry["accepted"], entry["to"], entry["subject"]) == (True, "anna@example.org", "Добрый день")
    assert entry["text"].startswith("Hello Anna")
    phone = await sandbox.get("/api/people/anna")
    (shown,) = phone["threads"]["email"]
    assert shown["subject"] == "Добрый день"
    whole = await sandbox.get(f"/api/people/anna/mail/{shown['id']}")
    assert whole["links"] == ["http://127.0.0.1:9/c/1"]
    assert "<p>" in whole["html"]


async def test_the_own_header_names_the_message(sandbox: Running) -> None:
    async with client(sandbox) as smtp:
        await smtp.send_message(mail(X_Otklik_Message="own-id"))
    assert (await sandbox.ledger())[0]["otklik_id"] == "own-id"


@pytest.mark.parametrize(
    ("to", "code"), [("boris@example.org", 550), ("chloe@example.org", 452), ("nobody@example.net", 550)]
)
async def test_mailboxes_refuse_as_they_are(sandbox: Running, to: str, code: int) -> None:
    async with client(sandbox) as smtp:
        with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as refused:
            await smtp.send_message(mail(to))
    assert refused.value.recipients[0].code == code
    (entry,) = await sandbox.ledger()
    assert (entry["accepted"], entry["code"], entry["to"]) == (False, code, to)


async def test_strangers_can_be_accepted_and_others_greylisted(sandbox: Running) -> None:
    await sandbox.post("/control/mail", {"strangers": "accept", "greylist": 60})
    async with client(sandbox) as smtp:
        with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as refused:
            await smtp.send_message(mail("nobody@example.net"))
        assert refused.value.recipients[0].code == 451
        await sandbox.later(61)
        await smtp.send_message(mail("nobody@example.net"))


async def test_auth_is_offered_and_can_be_required(sandbox: Running) -> None:
    await sandbox.post("/control/mail", {"require_auth": True})
    async with client(sandbox) as smtp:
        with pytest.raises(aiosmtplib.SMTPSenderRefused):
            await smtp.send_message(mail())
    with pytest.raises(aiosmtplib.SMTPAuthenticationError):
        await client(sandbox, username="otklik", password="wrong").connect()
    async with client(sandbox, username="otklik", password="sandbox") as smtp:
        await smtp.send_message(mail())


async def test_pipelined_commands_and_dots_come_through(sandbox: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", sandbox.world.smtp_port)
    await reader.readline()
    writer.write(b"EHLO here.example.org\r\n")
    while not (line := await reader.readline()).startswith(b"250 "):
        assert line.startswith(b"250-")
    transaction = b"MAIL FROM:<hello@shop.example.com> BODY=8BITMIME\r\nRCPT TO:<anna@example.org>\r\nDATA\r\n"
    body = b"Subject: n%d\r\n\r\n..one\r\n...two\r\nthree.\r\n.\r\n"
    writer.write(transaction + body % 1 + transaction + body % 2 + b"QUIT\r\n")
    async with asyncio.timeout(60):
        replies = (await reader.read()).splitlines()
    assert [line[:3] for line in replies] == [b"250", b"250", b"354", b"250"] * 2 + [b"221"]
    writer.close()
    entries = await sandbox.ledger()
    assert [entry["subject"] for entry in entries] == ["n1", "n2"]
    assert entries[0]["text"] == ".one\n..two\nthree."


async def test_too_large_and_too_long(sandbox: Running) -> None:
    await sandbox.post("/control/mail", {"size_limit": 10_000})
    async with client(sandbox) as smtp:
        await smtp.ehlo()
        for raw, code in ((b"Subject: x\r\n\r\n" + b"a" * 900 + b"\r\n", 250), (b"a: b\r\n\r\n" + b"a" * 1001, 500)):
            await smtp.mail("hello@shop.example.com")
            await smtp.rcpt("anna@example.org")
            if code == 250:
                await smtp.data(raw)
            else:
                with pytest.raises(aiosmtplib.SMTPDataError) as refused:
                    await smtp.data(raw)
                assert refused.value.code == code
        await smtp.mail("hello@shop.example.com")
        await smtp.rcpt("anna@example.org")
        with pytest.raises(aiosmtplib.SMTPDataError) as refused:
            await smtp.data(b"Subject: x\r\n\r\n" + b"abcdefgh\r\n" * 2000)
        assert refused.value.code == 552
        await smtp.rset()
        await smtp.send_message(mail())


async def test_the_company_reads_answers_over_imap(sandbox: Running) -> None:
    async with client(sandbox) as smtp:
        await smtp.send_message(mail(Reply_To="r+token0@shop.example.com"), sender="bounce+t@shop.example.com")
    assert await sandbox.do("anna", do="reply", text="Tell me more") == "delivered"
    assert await sandbox.do("anna", do="auto_reply") == "delivered"
    answer, automatic = (message_from_bytes(raw) for raw in await fetch(sandbox))
    assert answer["To"] == "r+token0@shop.example.com"
    assert answer["In-Reply-To"] == answer["References"] == "<0abc@shop.example.com>"
    assert answer["Return-Path"] == "<anna@example.org>"
    assert "Tell me more" in answer.get_payload(decode=True).decode()
    assert "> Hello Anna" in answer.get_payload(decode=True).decode()
    assert automatic["Auto-Submitted"] == "auto-replied"
    assert automatic["To"] == "bounce+t@shop.example.com"
    assert automatic["Return-Path"] == "<>"


@pytest.mark.parametrize(
    ("manner", "to"), [("no_refs", "r+token0@shop.example.com"), ("from_only", "hello@shop.example.com")]
)
async def test_mail_programs_have_manners(sandbox: Running, manner: str, to: str) -> None:
    sandbox.world.people.get("anna").client = manner
    async with client(sandbox) as smtp:
        await smtp.send_message(mail(Reply_To="r+token0@shop.example.com"))
    await sandbox.do("anna", do="reply")
    (answer,) = (message_from_bytes(raw) for raw in await fetch(sandbox))
    assert answer["To"] == to
    assert answer["In-Reply-To"] is None
    assert answer["References"] is None


async def test_idle_hears_of_new_mail(sandbox: Running) -> None:
    idling = Event()

    def wait() -> int:
        with MailBoxUnencrypted("127.0.0.1", sandbox.world.mailbox.port).login(USER, PASSWORD) as box:
            assert "UIDPLUS" in box.client.capabilities or b"UIDPLUS" in box.client.capability()[1][0]
            with box.idle:
                idling.set()
                # poll() fails at half a line, and the server writes a line in pieces
                heard, _, _ = select([box.client.sock], [], [], 60)
            assert heard
            return len(list(box.fetch()))

    waiting = asyncio.create_task(asyncio.to_thread(wait))
    await asyncio.to_thread(idling.wait, 60)
    assert await sandbox.do("anna", do="write", channel="email", text="A question") == "delivered"
    assert await waiting == 1


async def test_the_mailbox_goes_away_and_is_renumbered(sandbox: Running) -> None:
    def numbers() -> tuple[int, list[str]]:
        with MailBoxUnencrypted("127.0.0.1", sandbox.world.mailbox.port).login(USER, PASSWORD) as box:
            return box.folder.status("INBOX")["UIDVALIDITY"], [found.uid or "" for found in box.fetch()]

    await sandbox.do("anna", do="write", channel="email", text="one")
    before = await asyncio.to_thread(numbers)
    await sandbox.post("/control/imap", {"up": False})
    with pytest.raises(ConnectionRefusedError):
        await fetch(sandbox)
    await sandbox.do("anna", do="write", channel="email", text="two")
    await sandbox.post("/control/imap", {"up": True, "renumber": True})
    after = await asyncio.to_thread(numbers)
    assert after[0] != before[0]
    assert after[1] == ["1", "2"]


async def test_bounces_and_complaints_come_back(sandbox: Running) -> None:
    await sandbox.post("/control/people", [{"key": "eve", "email": "eve@example.org", "mailbox": "bounces"}])
    async with client(sandbox) as smtp:
        await smtp.send_message(mail("eve@example.org"), sender="bounce+t1@shop.example.com")
        await smtp.send_message(mail(), sender="bounce+t2@shop.example.com")
    await sandbox.later(5)
    await sandbox.do("anna", do="complain")
    bounce, complaint = (message_from_bytes(raw) for raw in await fetch(sandbox))
    assert bounce.get_content_type() == complaint.get_content_type() == "multipart/report"
    assert bounce.get_param("report-type") == "delivery-status"
    assert bounce["Return-Path"] == "<>"
    status = bounce.get_payload()[1].get_payload()
    assert [part["Status"] for part in status if part["Status"]] == ["5.1.1"]
    assert complaint.get_param("report-type") == "feedback-report"
    assert "<0abc@shop.example.com>" in complaint.get_payload()[2].as_string()


async def test_one_click_open_and_click(sandbox: Running, company: Company) -> None:
    message = mail(
        List_Unsubscribe=f"<mailto:stop@shop.example.com>, <{company.url}/u/token>",
        List_Unsubscribe_Post="List-Unsubscribe=One-Click",
    )
    message.get_payload()[1].set_content(
        f'<a href="{company.url}/c/1?a=1&amp;b=2">x</a><img width="1" height="1" src="{company.url}/o/1">',
        subtype="html",
    )
    async with client(sandbox) as smtp:
        await smtp.send_message(message)
    assert await sandbox.do("anna", do="one_click") == "200"
    assert await sandbox.do("anna", do="open") == "200"
    await sandbox.do("anna", do="click")
    stop, pixel, click = company.requests
    assert (stop.method, stop.path, stop.body) == ("POST", "/u/token", b"List-Unsubscribe=One-Click")
    assert "Cookie" not in stop.headers
    assert (pixel.method, pixel.path) == ("GET", "/o/1")
    assert (click.method, click.path) == ("GET", "/c/1?a=1&b=2")


FAULTS_AT = [
    ({"kind": "status", "code": 451, "stage": "mail"}, aiosmtplib.SMTPSenderRefused, False),
    ({"kind": "status", "code": 452, "stage": "rcpt"}, aiosmtplib.SMTPRecipientsRefused, False),
    ({"kind": "status", "code": 451, "stage": "data"}, aiosmtplib.SMTPDataError, False),
    ({"kind": "status", "code": 554}, aiosmtplib.SMTPDataError, False),
    ({"kind": "status", "code": 451, "accepted": True}, aiosmtplib.SMTPDataError, True),
    ({"kind": "drop_before"}, aiosmtplib.SMTPServerDisconnected, False),
    ({"kind": "accept_then_drop"}, aiosmtplib.SMTPServerDisconnected, True),
    ({"kind": "hang"}, aiosmtplib.SMTPServerDisconnected, True),
    ({"kind": "hang", "stage": "rcpt"}, aiosmtplib.SMTPServerDisconnected, None),
]


@pytest.mark.parametrize(("fault", "error", "accepted"), FAULTS_AT)
async def test_faults_at_every_stage(
    sandbox: Running, fault: dict[str, object], error: type[Exception], accepted: bool | None
) -> None:
    await sandbox.post("/control/faults", [{"provider": "smtp", "count": 1, **fault}])
    smtp = client(sandbox)
    await smtp.connect()
    told = [] if accepted is None or fault.get("stage") == "mail" else [accepted]
    sending = asyncio.create_task(smtp.send_message(mail()))
    if fault["kind"] == "hang":
        await until(lambda: sandbox.world.faults.rules[0].hits and len(sandbox.world.ledger) == len(told))
        await asyncio.wait((sending,), timeout=0.3)
        assert not sending.done()
        smtp.close()  # the client gives up
    with pytest.raises(error):
        await sending
    smtp.close()
    assert [entry["accepted"] for entry in await sandbox.ledger()] == told
    async with client(sandbox) as smtp:
        await smtp.send_message(mail())
    assert (await sandbox.ledger())[-1]["fault"] is None


async def test_an_internationalised_address(sandbox: Running) -> None:
    await sandbox.post("/control/people", [{"key": "юля", "email": "юля@example.org"}])
    async with client(sandbox) as smtp:
        await smtp.send_message(mail("юля@example.org"), recipients=["юля@example.org"])
    assert (await sandbox.ledger())[0]["to"] == "юля@example.org"


async def test_seeded_faults_meet_the_same_messages() -> None:
    struck = []
    for _ in range(2):
        async with running(seed=7) as sandbox:
            await sandbox.post("/control/mail", {"strangers": "accept"})
            await sandbox.post("/control/faults", [{"provider": "smtp", "kind": "status", "code": 451, "rate": 0.5}])
            async with client(sandbox) as smtp:
                for number in range(30):
                    try:
                        await smtp.send_message(mail(f"p{number}@example.net"))
                    except aiosmtplib.SMTPDataError:
                        continue
            struck.append([entry["to"] for entry in await sandbox.ledger(accepted="false")])
    assert struck[0] == struck[1]
    assert 5 < len(struck[0]) < 25


async def test_who_is_connected_is_dropped_when_the_mailbox_goes_away(sandbox: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", sandbox.world.mailbox.port)
    writer.write(b"a LOGIN otklik sandbox\r\nb SELECT INBOX\r\nc IDLE\r\n")
    async with asyncio.timeout(60):
        while not (await reader.readline()).startswith(b"+ "):
            continue
        await sandbox.post("/control/imap", {"up": False})
        assert b"BYE" in await reader.read()
    writer.close()
    await sandbox.post("/control/imap", {"up": True})
    assert await fetch(sandbox) == []
