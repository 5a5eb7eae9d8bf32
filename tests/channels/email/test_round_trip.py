"""A mail out, its answer, its out-of-office note, its bounce and its complaint back, by the sandbox's server."""

from dataclasses import replace

import pytest

from channels.email.adapter import EmailAdapter
from channels.email.mailbox import ImapMailbox
from channels.email.settings import EmailSettings
from core.errors import PermanentFailure, PermanentKind
from core.messages import EMAIL, Address, Complaint, DeliveryReport, InboundMessage
from core.tokens import Signer
from sandbox.mail.imap import PASSWORD, USER
from tests.sandbox.scene import running

SHOP = "hello@shop.example.com"
SIGNER = Signer("secret", "reply")


@pytest.fixture
async def scene():
    people = [
        {"key": "anna", "name": "Anna", "email": "anna@example.org"},
        {"key": "boris", "name": "Борис", "email": "boris@example.org", "mailbox": "unknown"},
        {"key": "eve", "name": "Eve", "email": "eve@example.org", "mailbox": "bounces"},
    ]
    async with running(people) as sandbox:
        settings = EmailSettings(
            "127.0.0.1", SHOP, port=sandbox.world.smtp_port, tls="none", imap_host="127.0.0.1", imap_tls="none",
            imap_port=sandbox.world.mailbox.port, imap_username=USER, imap_password=PASSWORD, imap_idle=0.0,
        )  # fmt: skip
        adapter = EmailAdapter(settings)
        await adapter.open()
        mailbox = ImapMailbox(settings.mailbox())
        try:
            yield sandbox, adapter, mailbox
        finally:
            await mailbox.close()
            await adapter.close()


async def test_a_mail_and_what_comes_of_it(scene, mail):
    sandbox, adapter, mailbox = scene
    _, cursor = await mailbox.poll({})

    async def arrivals():
        nonlocal cursor
        found, cursor = await mailbox.poll(cursor)
        return [event for raw in found for event in mailbox.parse(raw)]

    async def written(person):
        message = mail(to=Address(EMAIL, f"{person}@example.org"), text="Would you like this?\nTell us.")
        message = replace(message, reply_to=f"reply+{SIGNER.sign(message.id)}@shop.example.com")
        return message, await adapter.send(message)

    message, receipt = await written("anna")
    await sandbox.do("anna", do="reply", text="Да, хочу")
    [answer] = await arrivals()
    assert isinstance(answer, InboundMessage)
    assert (answer.text, answer.sender, answer.automatic) == ("Да, хочу", Address(EMAIL, "anna@example.org"), "")
    assert [SIGNER.verify(token) for token in answer.reply_tokens] == [message.id]
    assert answer.in_reply_to == receipt.provider_id

    await sandbox.do("anna", do="auto_reply")
    [note] = await arrivals()
    assert isinstance(note, InboundMessage)
    assert note.automatic

    await sandbox.do("anna", do="complain")
    [complaint] = await arrivals()
    assert isinstance(complaint, Complaint)
    assert (complaint.message_id, complaint.address) == (message.id, Address(EMAIL, "anna@example.org"))

    message, receipt = await written("eve")
    await sandbox.later(5)
    [report] = await arrivals()
    assert isinstance(report, DeliveryReport)
    assert (report.status, report.failure) == ("failed", "bad_address")
    assert (report.message_id, report.provider_id) == (message.id, receipt.provider_id)

    with pytest.raises(PermanentFailure) as caught:
        await written("boris")
    assert caught.value.kind is PermanentKind.BAD_ADDRESS
