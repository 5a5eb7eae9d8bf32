"""From a raw mail to its effect on the store: bounces, complaints, absences, files, mails made to break a reader."""

import hashlib
from email.message import EmailMessage
from typing import Any

import pytest

from bot.processing import Processor
from channels.email.inbound import read_delivery
from core.clock import VirtualClock
from core.machines.enrolment import EnrolmentState
from core.machines.message import MessageState
from core.messages import EMAIL, RawInbound
from core.tokens import Signer
from storage.intake import Intake
from storage.tables import Blob, BlobOwner, Identity, Inbound, Message, ReceiptRow, Suppression
from tests.bot.scene import SECRET, Person, Scene, body
from tests.conftest import NOW

OURS = "shop.example.com"


async def come(scene: Scene, *mails: bytes, by: str = "imap") -> None:
    """Store the mails as fetched, and process them."""
    raws = [
        RawInbound(EMAIL, EMAIL, f"{by}:{hashlib.sha256(mail).hexdigest()}:{number}", mail)
        for number, mail in enumerate(mails)
    ]
    async with Intake(scene.store, VirtualClock(NOW)) as intake:
        await intake.store(raws)
    work = Processor(scene.store, {EMAIL: read_delivery}, VirtualClock(NOW), SECRET)
    while await work.pending():
        await work.run_once()


async def mailed(scene: Scene) -> tuple[Person, str, str]:
    """(person, journey, message): somebody who got the first mail of a campaign."""
    person = await scene.person()
    campaign = await scene.campaign(body(f"winback-{person.id}"))
    enrolment = await scene.enrol(person, campaign)
    message = await scene.message(person, enrolment, campaign=campaign)
    return person, enrolment, message


def fields(**given: str) -> bytes:
    """A header's lines."""
    return "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in given.items()).encode()


def dsn(message: str, action: str, status: str, *, to: str = f"reply@{OURS}", returned: bool = True) -> bytes:
    original = f"Message-ID: <{message}@{OURS}>\r\nSubject: Winter\r\n" if returned else "Subject: Winter\r\n"
    return fields(
        From="MAILER-DAEMON@mx.example.net", To=to, Return_Path="<>", Message_ID=f"<dsn-{message}-{action}@x.example>",
        Subject="Delivery report", Content_Type='multipart/report; report-type=delivery-status; boundary="b"',
    ) + (
        "\r\n--b\r\nContent-Type: text/plain\r\n\r\nA report.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        f"Reporting-MTA: dns; mx.example.net\r\n\r\nFinal-Recipient: rfc822; someone@example.org\r\n"
        f"Action: {action}\r\n"
        f"Status: {status}\r\nDiagnostic-Code: smtp; 550 {status} said the server\r\n"
        f"\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\n{original}\r\n--b--\r\n"
    ).encode()  # fmt: skip


async def left(scene: Scene, person: Person, message: str) -> tuple[MessageState, bool, str]:
    """(the message's state, whether the address is reachable, why not)."""
    identity = await scene.get(Identity, person.identities[EMAIL])
    return (await scene.get(Message, message)).state, identity.reachable, identity.unreachable_reason


@pytest.mark.parametrize(
    ("action", "status", "after"),
    [
        ("failed", "5.1.1", (MessageState.FAILED, False, "bad_address")),
        ("failed", "5.2.2", (MessageState.FAILED, True, "")),
        ("failed", "4.4.7", (MessageState.FAILED, True, "")),
        ("delayed", "4.4.1", (MessageState.ACCEPTED, True, "")),
        ("delivered", "2.0.0", (MessageState.DELIVERED, True, "")),
        ("relayed", "2.0.0", (MessageState.DELIVERED, True, "")),
        ("expanded", "2.0.0", (MessageState.ACCEPTED, True, "")),
    ],
)
async def test_what_a_report_leads_to(scene: Scene, action: str, status: str, after: tuple[Any, ...]) -> None:
    person, enrolment, message = await mailed(scene)
    await come(scene, dsn(message, action, status))
    assert await left(scene, person, message) == after
    assert await scene.state(enrolment) is EnrolmentState.WAITING
    assert len(await scene.all(ReceiptRow)) == 1


async def test_a_warning_then_the_failure_in_any_order(scene: Scene) -> None:
    for order in (1, -1):
        person, _, message = await mailed(scene)
        await come(scene, *[dsn(message, "delayed", "4.4.1"), dsn(message, "failed", "5.1.1")][::order])
        assert await left(scene, person, message) == (MessageState.FAILED, False, "bad_address")


PROSE = "This message was created by a program.\r\n\r\n  <someone@example.org>:\r\n{said}\r\n\r\n{more}\r\n"


def prose(said: str, more: str = "", **given: str) -> bytes:
    head = {"From": "Mail Delivery System <Mailer-Daemon@mx.example.net>", "To": f"reply@{OURS}",
            "Subject": "Delivery failure",
            "Message_ID": "<prose@mx.example.net>", **given}  # fmt: skip
    return fields(**head) + b"\r\n" + PROSE.format(said=said, more=more).encode()


async def test_a_bounce_in_prose_that_names_our_mail(scene: Scene) -> None:
    person, _, message = await mailed(scene)
    await come(scene, prose("550 5.1.1 no such user", f"Message-ID: <{message}@{OURS}>"))
    assert await left(scene, person, message) == (MessageState.FAILED, False, "bad_address")


async def test_a_bounce_that_only_came_to_a_signed_address(scene: Scene) -> None:
    """The tie that is left where a server returns nothing: an envelope sender of its own for each mail."""
    person, _, message = await mailed(scene)
    signed = f"reply+{Signer(SECRET, 'reply').sign(message)}@{OURS}"
    await come(scene, dsn(message, "failed", "5.1.1", to=signed, returned=False))
    assert await left(scene, person, message) == (MessageState.FAILED, False, "bad_address")
    other, _, second = await mailed(scene)
    signed = f"reply+{Signer(SECRET, 'reply').sign(second)}@{OURS}"
    await come(scene, prose("550 5.1.1 no such user", Delivered_To=signed, Message_ID="<p2@mx.example.net>"))
    assert await left(scene, other, second) == (MessageState.FAILED, False, "bad_address")


async def test_a_bounce_by_its_wording(scene: Scene) -> None:
    person, _, message = await mailed(scene)
    said = "\r\n".join([
        "Hi. This is the qmail-send program at mx.example.net.",
        "I'm afraid I wasn't able to deliver your message to the following addresses.",
        "This is a permanent error; I've given up. Sorry it didn't work out.",
        "", f"<{person.email.value}>:", "Sorry, no mailbox here by that name.", "",
        "--- Below this line is a copy of the message.", "", f"Message-ID: <{message}@{OURS}>", "",
    ])  # fmt: skip
    head = fields(From="MAILER-DAEMON@mx.example.net", Subject="failure notice", Message_ID="<q@mx.example.net>")
    await come(scene, head + b"\r\n" + said.encode())
    assert (await left(scene, person, message))[0] is MessageState.FAILED


async def test_a_forged_bounce_changes_nothing(scene: Scene) -> None:
    """Whoever knows an address could write this; only who got our mail knows its id."""
    person, enrolment, message = await mailed(scene)
    known = person.email.value
    await come(
        scene,
        prose(f"550 5.1.1 <{known}> no such user"),
        dsn("0" * 26, "failed", "5.1.1").replace(b"someone@example.org", known.encode()),
    )
    assert await left(scene, person, message) == (MessageState.ACCEPTED, True, "")
    assert await scene.state(enrolment) is EnrolmentState.WAITING


async def test_a_complaint_ends_marketing_everywhere(scene: Scene) -> None:
    person, _, message = await mailed(scene)
    report = fields(From="fbl@isp.example.net", Message_ID="<arf@isp.example.net>",
                    Content_Type="multipart/report; report-type=feedback-report; boundary=b")  # fmt: skip
    report += (
        "\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nVersion: 1\r\n\r\n"
        f"--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <{message}@{OURS}>\r\n\r\nHello\r\n--b--\r\n"
    ).encode()
    await come(scene, report, report)
    assert set((await scene.consents(person)).values()) == {False}
    assert [row.reason for row in await scene.all(Suppression)] == ["complaint"]
    assert len(await scene.responses()) == 1


async def test_an_absence_is_logged_and_answers_nothing(scene: Scene) -> None:
    person, enrolment, message = await mailed(scene)
    away = fields(From=person.email.value, Auto_Submitted="auto-replied", Subject="Out of office",
                  Message_ID="<a@x.example>",
                  In_Reply_To=f"<{message}@{OURS}>") + b"\r\nBack on Monday, stop.\r\n"  # fmt: skip
    await come(scene, away)
    assert await scene.state(enrolment) is EnrolmentState.WAITING
    [logged] = await scene.all(Message, direction="in")
    assert logged.content["automatic"].startswith("Auto-Submitted")


def with_files(person: Person, number: int, *names: str) -> bytes:
    message = EmailMessage()
    message["From"], message["Message-ID"] = person.email.value, f"<{number}@example.org>"
    message.set_content("The receipt")
    for name in names:
        message.add_attachment(b"%PDF one and the same", maintype="application", subtype="pdf", filename=name)
    return message.as_bytes()


async def test_files_are_kept_once_by_their_content(scene: Scene) -> None:
    person, _, _ = await mailed(scene)
    other = await scene.person()
    await come(scene, with_files(person, 1, "a.pdf", "../b.pdf"), with_files(other, 2, "c.pdf"))
    digest = hashlib.sha256(b"%PDF one and the same").hexdigest()
    first, second = await scene.all(Message, direction="in")
    assert [(one["name"], one["blob"]) for one in first.content["attachments"]] == [
        ("a.pdf", digest),
        ("b.pdf", digest),
    ]
    assert [one["blob"] for one in second.content["attachments"]] == [digest]
    [blob] = await scene.all(Blob, hash=digest)
    assert (blob.size, blob.media_type, blob.content) == (21, "application/pdf", b"%PDF one and the same")
    assert {row.owner_id for row in await scene.all(BlobOwner, hash=digest)} == {person.id, other.id}


async def test_one_mail_over_two_ways_is_one(scene: Scene) -> None:
    person, _, _ = await mailed(scene)
    mail = with_files(person, 1)
    await come(scene, mail, by="imap")
    await come(scene, b"Delivered-To: reply@shop.example.com\r\n" + mail, by="webhook")
    assert len(await scene.all(Message, direction="in")) == 1
    assert {row.state for row in await scene.all(Inbound)} == {"processed"}


async def test_no_bomb_stops_the_others_and_all_are_kept(scene: Scene) -> None:
    from tests.channels.email.test_hostile import BOMBS

    names = (
        "commas in To",
        "encoded words in To",
        "parentheses in From",
        "bad Message-ID",
        "depth",
        "zero width",
        "nul",
        "parts",
    )
    person, _, _ = await mailed(scene)
    await come(scene, *(BOMBS[name] for name in names), with_files(person, 1))
    rows = await scene.all(Inbound)
    assert {row.state for row in rows} == {"processed"}
    kept = {row.meta["blob"] for row in rows}
    blobs = {row.hash: row.content for row in await scene.all(Blob)}
    assert {hashlib.sha256(BOMBS[name]).hexdigest() for name in names} <= kept
    assert all(blobs[hashlib.sha256(BOMBS[name]).hexdigest()] == BOMBS[name] for name in names)
    assert len(await scene.all(Message, direction="in")) >= 1
