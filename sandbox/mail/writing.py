"""Mails that customers and mail servers write to the company: answers, out-of-office notes, bounces, complaints."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr

from sandbox.mail.reading import Letter

_WROTE = {
    "en": "On {date}, {sender} wrote:",
    "ru": "{date}, {sender} пишет:",
    "fa": "در تاریخ {date}، {sender} نوشت:",
}
_REPLY = {"en": "Re: ", "ru": "Re: ", "fa": "Re: "}
_ABSENT = {
    "en": "I am out of the office until Monday and will answer when I am back.",
    "ru": "Я в отпуске до понедельника и отвечу, когда вернусь.",
    "fa": "تا دوشنبه در دفتر نیستم و پس از بازگشت پاسخ می‌دهم.",
}
_ABSENT_SUBJECT = {"en": "Automatic reply: ", "ru": "Автоответ: ", "fa": "پاسخ خودکار: "}
_QUOTE_LIMIT = 20_000  # characters of the original that are quoted
_POLICY = SMTP.clone(max_line_length=200)


@dataclass(frozen=True, slots=True)
class Correspondent:
    """Who writes: ``client`` is the mail program's manner (plain, html, no_refs, from_only)."""

    name: str
    email: str
    lang: str
    client: str


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A mail ready to go: envelope ``sender`` (empty for automatic mail), ``recipient`` and the bytes."""

    sender: str
    recipient: str
    raw: bytes
    subject: str
    text: str


def reply(who: Correspondent, original: Letter, text: str, at: datetime, number: int) -> Outgoing:
    """Answer ``original`` as the person's mail program does, quoting it."""
    message = _new(who, at, number)
    headers = original.headers
    to = original.address("from") if who.client == "from_only" else None
    to = to or original.address("reply-to") or original.address("from") or ""
    message["To"] = to
    subject = headers.get("subject", "")
    message["Subject"] = subject if subject.lower().startswith("re:") else _REPLY[who.lang] + subject
    if who.client in ("plain", "html"):
        _refer(message, headers)
    wrote = _WROTE[who.lang].format(date=headers.get("date", ""), sender=headers.get("from", to))
    quoted = "\n".join("> " + line for line in original.text[:_QUOTE_LIMIT].splitlines())
    message.set_content(f"{text}\n\n{wrote}\n{quoted}\n", cte="quoted-printable")
    if who.client == "html":
        message.add_alternative(
            f'<div dir="auto">{_escape(text)}</div><br><div class="gmail_quote"><div dir="auto">{_escape(wrote)}</div>'
            f"<blockquote>{original.html or _escape(original.text[:_QUOTE_LIMIT])}</blockquote></div>",
            subtype="html",
            cte="quoted-printable",
        )
    return _done(who.email, to, message, text)


def fresh(who: Correspondent, to: str, text: str, at: datetime, number: int) -> Outgoing:
    """A new mail that answers nothing; its first line is the subject."""
    message = _new(who, at, number)
    message["To"] = to
    message["Subject"] = text.strip().partition("\n")[0][:80]
    message.set_content(text + "\n", cte="quoted-printable")
    return _done(who.email, to, message, text)


def auto_reply(
    who: Correspondent, original: Letter, return_path: str, text: str | None, at: datetime, number: int
) -> Outgoing:
    """An out-of-office note (RFC 3834): to the return path, from the null sender, marked as automatic."""
    message = _new(who, at, number)
    message["To"] = return_path
    message["Subject"] = _ABSENT_SUBJECT[who.lang] + original.headers.get("subject", "")
    message["Auto-Submitted"] = "auto-replied"
    message["X-Auto-Response-Suppress"] = "All"
    message["Precedence"] = "auto_reply"
    _refer(message, original.headers)
    text = text or _ABSENT[who.lang]
    message.set_content(text + "\n", cte="quoted-printable")
    return _done("", return_path, message, text)


def bounce(original: bytes, recipient: str, return_path: str, at: datetime, number: int) -> Outgoing:
    """A delivery status notification (RFC 3464) that says the mailbox does not exist."""
    status = (
        f"Reporting-MTA: dns; mail.sandbox.example.net\r\nArrival-Date: {format_datetime(at)}\r\n\r\n"
        f"Final-Recipient: rfc822; {recipient}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 The mailbox does not exist\r\n"
    )
    headers = {
        "From": "Mail Delivery Subsystem <mailer-daemon@sandbox.example.net>",
        "To": return_path,
        "Subject": "Undelivered Mail Returned to Sender",
        "Date": format_datetime(at),
        "Message-ID": f"<dsn.{number}@sandbox.example.net>",
        "Auto-Submitted": "auto-replied",
    }
    return _report(headers, "delivery-status", f"<{recipient}>: the mailbox does not exist.", status, original)


def complaint(original: bytes, recipient: str, return_path: str, at: datetime, number: int) -> Outgoing:
    """An abuse report (ARF, RFC 5965) of a mailbox provider whose user pressed "this is spam"."""
    status = (
        "Feedback-Type: abuse\r\nUser-Agent: sandbox/1\r\nVersion: 1\r\n"
        f"Original-Mail-From: <{return_path}>\r\nOriginal-Rcpt-To: <{recipient}>\r\n"
        f"Arrival-Date: {format_datetime(at)}\r\n"
    )
    headers = {
        "From": "feedback@sandbox.example.net",
        "To": return_path,
        "Subject": "Abuse report",
        "Date": format_datetime(at),
        "Message-ID": f"<arf.{number}@sandbox.example.net>",
    }
    return _report(headers, "feedback-report", f"An abuse report for a mail to {recipient}.", status, original)


def stamped(mail: Outgoing, at: datetime) -> bytes:
    """``mail`` as the receiving server stores it: with Return-Path, Delivered-To and Received on top."""
    top = (
        f"Return-Path: <{mail.sender}>\r\nDelivered-To: {mail.recipient}\r\n"
        f"Received: from mail.sandbox.example.net by mx.sandbox.example.net with ESMTP; {format_datetime(at)}\r\n"
    )
    return top.encode() + mail.raw


def _new(who: Correspondent, at: datetime, number: int) -> EmailMessage:
    message = EmailMessage(policy=_POLICY)
    message["From"] = formataddr((who.name, who.email))
    message["Date"] = format_datetime(at)
    digest = hashlib.blake2b(f"{who.email}:{number}".encode(), digest_size=9).hexdigest()
    message["Message-ID"] = f"<{digest}@{who.email.rpartition('@')[2]}>"
    return message


def _refer(message: EmailMessage, headers: dict[str, str]) -> None:
    message_id = headers.get("message-id")
    if message_id:
        message["In-Reply-To"] = message_id
        message["References"] = " ".join((headers.get("references", "") + " " + message_id).split()[-20:])


def _report(headers: dict[str, str], kind: str, text: str, status: str, original: bytes) -> Outgoing:
    """A multipart/report (RFC 6522) with the original's headers, written as bytes: they may be in any charset."""
    boundary = "=_report"
    top = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = (
        f'{top}MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type={kind}; boundary="{boundary}"\r\n\r\n'
        f"--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
        f"--{boundary}\r\nContent-Type: message/{kind}\r\n\r\n{status}\r\n"
        f"--{boundary}\r\nContent-Type: text/rfc822-headers\r\n\r\n"
    )
    raw = head.encode() + original.partition(b"\r\n\r\n")[0] + f"\r\n--{boundary}--\r\n".encode()
    return Outgoing("", headers["To"], raw, headers["Subject"], text)


def _done(sender: str, recipient: str, message: EmailMessage, text: str) -> Outgoing:
    return Outgoing(sender, recipient, message.as_bytes(), str(message["Subject"]), text)


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", "<br>")
