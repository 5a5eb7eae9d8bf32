"""What a mail means: whose answer, a machine's or a person's, a bounce, a complaint."""

import hashlib
from email.message import EmailMessage
from email.mime.text import MIMEText
from pathlib import Path

import pytest

from channels.email.inbound import UNKNOWN_SENDER, parse
from core.messages import EMAIL, Address, Complaint, InboundMessage
from core.tokens import Signer

ID = "06h01q6cllo01eguq260ea5eu4"
TOKEN = Signer("secret", "reply").sign(ID)


def mail(body="Yes, please.", subtype="plain", charset="utf-8", **fields):
    message = MIMEText(body, subtype, charset)
    given = {"From": "Mina <Mina@Example.net>", "To": "reply@example.org", "Subject": "Re: Winter",
             "Message_ID": "<m1@example.net>", **fields}  # fmt: skip
    for name, value in given.items():
        if value is not None:
            message[name.replace("_", "-")] = value
    return message.as_bytes()


def read(raw):
    [event] = parse(raw, "email")
    assert isinstance(event, InboundMessage)
    return event


def test_a_reply_with_all_its_ties():
    event = read(
        mail(To=f'"Shop" <reply+{TOKEN.upper()}@example.org>', Delivered_To=f"reply+{TOKEN}@example.org",
             In_Reply_To=f"<{ID}@example.org>", References=f"<a@x.example>\r\n <{ID}@example.org>")
    )  # fmt: skip
    assert event.sender == Address(EMAIL, "mina@example.net")
    assert (event.sender_name, event.subject, event.text) == ("Mina", "Re: Winter", "Yes, please.")
    assert event.reply_tokens == (TOKEN,)
    assert Signer("secret", "reply").verify(event.reply_tokens[0]) == ID
    assert event.in_reply_to == f"<{ID}@example.org>"
    assert event.references == ("<a@x.example>", f"<{ID}@example.org>")
    assert (event.key, event.message_id, event.automatic) == ("<m1@example.net>", "<m1@example.net>", "")


@pytest.mark.parametrize("field", ["To", "Cc", "Delivered_To", "X_Original_To", "Envelope_To"])
def test_a_token_counts_in_every_recipient_field(field):
    assert read(mail(**{"To": "x@example.org", field: f"reply+{TOKEN}@example.org"})).reply_tokens == (TOKEN,)


def test_a_mail_without_message_id_is_known_by_its_hash():
    raw = mail(Message_ID=None)
    event = read(raw)
    assert event.key == hashlib.sha256(raw).hexdigest()
    assert event.message_id == ""


@pytest.mark.parametrize("sender", ["", "nobody", "@", "Mina", "a@b@c", "<>", "(" * 3000, "x" * 5000 + "@example.net"])
def test_a_mail_without_a_sender_is_kept(sender):
    event = read(mail(From=None).replace(b"To:", f"From: {sender}\nTo:".encode(), 1))
    assert event.sender.value == UNKNOWN_SENDER
    assert event.automatic


AUTOMATIC = [
    ({"Auto_Submitted": "auto-replied"}, "Auto-Submitted"),
    ({"Auto_Submitted": "auto-generated; owner-email=x"}, "Auto-Submitted"),
    ({"Auto_Submitted": "no"}, ""),
    ({"Precedence": "bulk"}, "Precedence"),
    ({"Precedence": "Auto_Reply"}, "Precedence"),
    ({"Precedence": "first-class"}, ""),
    ({"List_Id": "<news.example.org>"}, "list-id"),
    ({"List_Unsubscribe": "<mailto:a@example.org>"}, "list-unsubscribe"),
    ({"List_Archive": "<https://lists.example.org/>"}, "list-archive"),
    ({"List_Owner": "<mailto:b@example.org>"}, "list-owner"),
    ({"Return_Path": "<>"}, "Return-Path"),
    ({"Return_Path": "<mina@example.net>"}, ""),
    ({"X_Auto_Response_Suppress": "All"}, "x-auto-response-suppress"),
    ({"X_Autoreply": "yes"}, "x-autoreply"),
    ({"X_Autorespond": "away"}, "x-autorespond"),
    ({"From": "MAILER-DAEMON@example.net"}, "sent by"),
    ({"From": "no-reply@example.net"}, "sent by"),
    ({"Subject": "Out of Office: Winter"}, "out of office"),
    ({"Subject": "Automatic reply: Winter"}, "out of office"),
    ({"Subject": "Автоответ: Зима"}, "out of office"),
    ({"Subject": "پاسخ خودکار: زمستان"}, "out of office"),
    ({"Subject": "Automatische Antwort: Winter"}, "out of office"),
    ({"Subject": "Abwesenheitsnotiz"}, "out of office"),
    ({"Subject": "Réponse automatique : hiver"}, "out of office"),
    ({"Subject": "Respuesta automática: invierno"}, "out of office"),
    ({"Subject": "Re: Out of Office: Winter"}, ""),
    ({"Subject": "I was out, of office chairs I know nothing"}, ""),
    ({}, ""),
]


@pytest.mark.parametrize(("fields", "reason"), AUTOMATIC, ids=lambda value: str(value)[:50])
def test_machines_and_people(fields, reason):
    said = read(mail(**fields)).automatic
    assert said.startswith(reason) if reason else said == ""


def test_html_only_and_both():
    html = "<head><title>no</title><style>p{}</style></head><p>Да,&nbsp;<b>хочу</b></p><p>Мина</p>"
    assert read(mail(html, "html")).text == "Да, хочу\n\nМина"
    both = EmailMessage()
    both["From"], both["Message-ID"] = "mina@example.net", "<b@example.net>"
    both.set_content("plain words")
    both.add_alternative("<p>html words</p>", subtype="html")
    both.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="../\u202eцена.pdf")
    both.add_attachment("notes", filename="notes.txt")
    event = read(both.as_bytes())
    assert event.text == "plain words"
    assert event.html.strip() == "<p>html words</p>"
    assert [(a.name, a.media_type, a.size, a.content) for a in event.attachments] == [
        ("цена.pdf", "application/pdf", 4, b"%PDF"),
        ("notes.txt", "text/plain", 6, b"notes\n"),
    ]


def test_a_boundary_may_begin_like_the_one_around_it():
    raw = b"""From: a@example.net
Content-Type: multipart/mixed; boundary="b1"

--b1
Content-Type: multipart/alternative; boundary="b1_2"

--b1_2
Content-Type: text/plain

plain words
--b1_2
Content-Type: text/html

<p>html words</p>
--b1_2--
--b1
Content-Type: text/csv
Content-Disposition: attachment; filename=a.csv

1,2
--b1--
epilogue
"""
    for mail_ in (raw, raw.replace(b"\n", b"\r\n"), raw.replace(b"--b1\n", b"--b1 \t\n")):
        event = read(mail_)
        assert (event.text, event.html.strip()) == ("plain words", "<p>html words</p>")
        assert [(a.name, a.content) for a in event.attachments] == [("a.csv", b"1,2")]


@pytest.mark.parametrize("charset", ["utf-8", "koi8-r", "windows-1251", "iso-8859-5"])
def test_declared_charsets(charset):
    assert read(mail("Привет, да", charset=charset)).text == "Привет, да"


@pytest.mark.parametrize(
    ("declared", "data", "text"),
    [
        (b"", "Да, хочу".encode(), "Да, хочу"),
        (b"", "Да, хочу купить".encode("windows-1251"), "Да, хочу купить"),
        (b"", "café s'il vous plaît".encode("windows-1252"), "café s'il vous plaît"),
        (b"; charset=us-ascii", "Да, хочу".encode(), "Да, хочу"),
        (b"; charset=no-such-thing", "سلام".encode(), "سلام"),
        (b"; charset=idna", b"xn--a", "xn--a"),
        (b"; charset=unicode_escape", rb"\u0041", r"\u0041"),
        (b"; charset=rot13", b"hello", "hello"),
        (b"; charset=base64", b"aGVsbG8=", "aGVsbG8="),
        (b"; charset=utf-16", b"a", "\ufffd"),
        (b'; charset="utf-8\x00"', "да".encode(), "да"),
    ],
)
def test_undeclared_and_false_charsets(declared, data, text):
    raw = b"From: a@example.net\r\nContent-Type: text/plain" + declared + b"\r\n\r\n" + data
    assert read(raw).text == text


# --- reports -----------------------------------------------------------------------------------------------------

DSN = """\
From: MAILER-DAEMON@mx.example.net
To: shop@example.org
Return-Path: <>
Message-ID: <dsn1@mx.example.net>
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b1"

--b1
Content-Type: text/plain

I'm sorry.

--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net
{envelope}Arrival-Date: Tue, 1 Dec 2026 09:30:00 +0000

Final-Recipient: rfc822; mina@example.net
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {said}

--b1
Content-Type: {kind}

{returned}
--b1--
"""


def dsn(**changes):
    fields = {
        "action": "failed", "status": "5.1.1", "said": "550 5.1.1 no such user", "envelope": "",
        "kind": "message/rfc822", "returned": f"From: shop@example.org\nMessage-ID: <{ID}@example.org>\n\nHello",
    }  # fmt: skip
    return DSN.format(**{**fields, **changes}).replace("\n", "\r\n").encode()


@pytest.mark.parametrize(
    ("fields", "status", "failure", "code"),
    [
        ({}, "failed", "bad_address", "5.1.1"),
        ({"action": "Failed", "status": "5.1.10", "said": "556 null MX"}, "failed", "bad_address", "5.1.10"),
        ({"status": "5.0.0", "said": "550 5.1.1 unknown"}, "failed", "bad_address", "5.1.1"),
        ({"status": "5.0.0", "said": "550 unknown user"}, "failed", "bad_address", "5.0.0"),
        ({"status": "5.1.8", "said": "bad sender"}, "failed", "rejected", "5.1.8"),
        ({"status": "5.2.2", "said": "552 5.2.2 over quota"}, "failed", "rejected", "5.2.2"),
        ({"status": "4.4.7", "said": "expired"}, "failed", "rejected", "4.4.7"),
        ({"status": "5.7.1", "said": "550 5.7.1 spam"}, "failed", "content_refused", "5.7.1"),
        ({"action": "delayed", "status": "4.4.1", "said": "later"}, "accepted", "", "4.4.1"),
        ({"action": "delivered", "status": "2.0.0", "said": "250 ok"}, "delivered", "", "2.0.0"),
        ({"action": "relayed", "status": "2.0.0", "said": "250 ok"}, "delivered", "", "2.0.0"),
        ({"kind": "text/rfc822-headers"}, "failed", "bad_address", "5.1.1"),
    ],
)
def test_delivery_status(fields, status, failure, code):
    [report] = parse(dsn(**fields), "email")
    assert (report.status, report.failure, report.code) == (status, failure, code)
    assert (report.account, report.message_id, report.provider_id) == ("email", ID, f"<{ID}@example.org>")
    assert report.key == "<dsn1@mx.example.net>#0"


def test_delivery_status_that_returns_nothing_but_the_envelope_id():
    [report] = parse(dsn(envelope=f"Original-Envelope-Id: {ID}\n", returned="x"), "email")
    assert (report.message_id, report.provider_id) == (ID, "")


@pytest.mark.parametrize(
    "told",
    [
        {"envelope": f"Original-Envelope-Id: {'1' * 26}\n"},
        {"returned": f"X-Otklik-Message: {'1' * 26}\nMessage-ID: <{ID}@example.org>\n\nHello"},
    ],
)
def test_a_report_on_a_mail_that_was_said_again_names_the_right_one(told):
    [report] = parse(dsn(**told), "email")
    assert report.message_id == "1" * 26


def test_a_report_on_anothers_mail_is_kept_as_a_machines():
    [event] = parse(dsn(returned="Message-ID: <other@example.com>\n"), "email")
    assert isinstance(event, InboundMessage)
    assert event.automatic


PROSE = """\
Hi. This is the qmail-send program.
<mina@example.net>:
{said}
--- Below this line
Message-ID: <{ID}@example.org>
"""


def test_a_bounce_in_prose():
    raw = mail(
        PROSE.format(ID=ID, said="550 5.1.1 no mailbox here"),
        From="MAILER-DAEMON@example.net",
        Subject="failure notice",
    )
    [report] = parse(raw, "email")
    assert (report.status, report.failure, report.message_id) == ("failed", "bad_address", ID)
    for harmless in (
        mail(PROSE.format(ID=ID, said="550 5.1.1 no mailbox here")),
        mail(PROSE.format(ID=ID, said="450 4.2.1 try later"), From="MAILER-DAEMON@example.net"),
        mail(PROSE.format(ID=ID, said="550 5.1.1"), From="MAILER-DAEMON@example.net", Subject="Warning: delayed"),
    ):
        assert isinstance(parse(harmless, "email")[0], InboundMessage)


ARF = """\
From: fbl@isp.example.net
Message-ID: <arf1@isp.example.net>
Content-Type: multipart/report; report-type=feedback-report; boundary=b2

--b2
Content-Type: text/plain

Complaint
--b2
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: FBL/1
Original-Rcpt-To: <Mina@Example.net>

--b2
Content-Type: message/rfc822

To: mina@example.net
Message-ID: <{ID}@example.org>

Hello
--b2--
"""


def test_complaints():
    for kind in ("abuse", "Fraud", "opt-out"):
        assert parse(ARF.format(kind=kind, ID=ID).encode(), "email") == [
            Complaint("email", "<arf1@isp.example.net>", ID, Address(EMAIL, "mina@example.net"))
        ]
    [event] = parse(ARF.format(kind="not-spam", ID=ID).encode(), "email")
    assert isinstance(event, InboundMessage)
    assert event.automatic == "a report"


# --- whole mails as programs write them --------------------------------------------------------------------------

FIXTURES = Path(__file__).parent / "fixtures"


def test_captured_mails():
    read_from = {path.stem: parse(path.read_bytes(), "email") for path in FIXTURES.glob("*.eml")}
    [reply] = read_from.pop("reply_gmail_ru")
    assert (reply.sender_name, reply.subject, reply.text) == ("Анна", "Re: Зима", "Да, пришлите ещё раз.")
    assert (reply.automatic, reply.in_reply_to) == ("", f"<{ID}@example.org>")
    assert reply.reply_tokens == (ID + "a" * 16,)
    [away] = read_from.pop("out_of_office_exchange")
    assert away.automatic == "Auto-Submitted: auto-generated"
    [bounce] = read_from.pop("bounce_postfix")
    assert (bounce.status, bounce.code, bounce.failure, bounce.message_id) == ("failed", "5.1.1", "bad_address", ID)
    [complaint] = read_from.pop("complaint_arf")
    assert (complaint.message_id, complaint.address) == (ID, Address(EMAIL, "anna@example.com"))
    assert not read_from, "a fixture without an expectation"
