"""A raw mail read: a customer's words, a report on one of ours, or a complaint. Pure, bounded, never raises."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from email.utils import parseaddr

from channels.email.attachments import attachments_of
from channels.email.automatic import automatic_reason
from channels.email.flowed import unflowed
from channels.email.html_text import LONGEST as LONGEST_HTML
from channels.email.html_text import text_of_html
from channels.email.quoting import QUOTE, reply_of
from channels.email.reports import bounce_in_prose, complaint, delivery_reports
from channels.email.structure import Mail, Part, decoded, taken_apart
from core.addresses import email_address
from core.messages import EMAIL, Address, ChannelEvent, InboundMessage, RawInbound
from core.text import clipped
from core.tokens import TOKEN_LENGTH

UNKNOWN_SENDER = "unknown@sender.invalid"
"""Stands where a mail names no sender; ``.invalid`` can never be written to (RFC 2606)."""

_RECIPIENTS = ("to", "cc", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "resent-to")
_REPLY_TOKEN = re.compile(rf"\+([0-9a-v]{{{TOKEN_LENGTH}}})@", re.IGNORECASE)
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,900}>")
_SENDER = re.compile(r"[^\s<>(),:;\"\[\]@]{1,64}@[^\s<>(),:;\"\[\]@]{1,255}")
_SHOWN = ("text/plain", "text/html")
_MOST_REFERENCES = 50
_LONGEST_SENDER = 1000


def read_delivery(raw: RawInbound) -> list[ChannelEvent]:
    """What a stored mail means, however it came; of one that was too large to fetch, its header and a note.

    ``meta`` may name the ``recipients`` of its envelope, which the mail itself need not.
    """
    events = parse(raw.payload, raw.account, recipients=raw.meta.get("recipients") or ())
    note = raw.meta.get("left_out")
    if not note:
        return events
    return [replace(event, text=str(note)) if isinstance(event, InboundMessage) else event for event in events]


def parse(raw: bytes, account: str, *, recipients: Sequence[str] = ()) -> list[ChannelEvent]:
    """What a mail means. Message-IDs are given with their angle brackets.

    A report that is about none of our mails is given as an automatic message, so that it is seen.
    """
    mail = taken_apart(raw)
    for recipient in recipients:
        mail.fields["x-envelope-to"] = recipient
    key = message_key(mail, raw)
    sender, name = _sender(mail)
    reports: list[ChannelEvent] = list(
        delivery_reports(mail, account, key) or bounce_in_prose(mail, account, key, sender)
    )
    if reports and all(getattr(report, "message_id", "") for report in reports):
        return reports
    reported = complaint(mail, account, key)
    if reported is not None and (reported.message_id or reported.address):
        return [reported]
    return [_message(mail, account, key, sender, name)]


def message_key(mail: Mail, raw: bytes) -> str:
    """The Message-ID, else the SHA-256 of the mail: what drops repeats."""
    found = _MESSAGE_ID.search(mail.field("message-id"))
    return found.group() if found and len(found.group()) <= 250 else hashlib.sha256(raw).hexdigest()


def _message(mail: Mail, account: str, key: str, sender: str, name: str) -> InboundMessage:
    text, html = _texts(mail)
    reply = _reply(text, html)
    identifiers = _MESSAGE_ID.findall(mail.field("message-id"))
    answered = _MESSAGE_ID.findall(mail.field("in-reply-to"))
    return InboundMessage(
        account=account,
        key=key,
        sender=Address(EMAIL, sender),
        sender_name=clipped(name, 200),
        text=clipped(reply, 100_000),
        html=html,
        subject=clipped(decoded(mail.field("subject")), 1000),
        attachments=tuple(attachments_of(mail, shown=[_first(mail, kind) for kind in _SHOWN])),
        automatic=automatic_reason(mail, sender) or ("no sender" if sender == UNKNOWN_SENDER else ""),
        reply_tokens=_reply_tokens(mail),
        message_id=identifiers[0] if identifiers else "",
        in_reply_to=answered[0] if answered else "",
        references=tuple(_MESSAGE_ID.findall(mail.field("references"))[-_MOST_REFERENCES:]),
        sent_raw=clipped(mail.field("date"), 100),
    )


def _reply(text: str, html: str) -> str:
    """The writer's own words. Where both forms are there, the HTML's marks may show a quotation that the text hides."""
    plain = reply_of(text) if text.strip() else ""
    if not html:
        return plain
    shown = text_of_html(html)
    marked = reply_of(shown)
    if not plain:
        return marked
    hides_more = QUOTE in shown and marked and len(marked) < len(plain) and _flat(marked) in _flat(plain)
    return marked if hides_more else plain


def _flat(text: str) -> str:
    return "".join(text.split())


def _sender(mail: Mail) -> tuple[str, str]:
    """(address in its one form, name) of From, else Reply-To, else Return-Path."""
    for field in ("from", "reply-to", "return-path"):
        value = mail.field(field)[:_LONGEST_SENDER]
        if not value:
            continue
        try:
            name, address = parseaddr(value)
        except (RecursionError, IndexError, ValueError):
            name, address = "", ""
        if not address:
            found = _SENDER.search(value)
            address = found.group() if found else ""
        try:
            return email_address(address), decoded(name)
        except ValueError:
            continue
    return UNKNOWN_SENDER, ""


def _reply_tokens(mail: Mail) -> tuple[str, ...]:
    """Tokens of ``anything+TOKEN@`` among the recipients, lower-case, each once, in their order."""
    found = (
        token.lower()
        for field in _RECIPIENTS
        for value in mail.all(field)[:20]
        for token in _REPLY_TOKEN.findall(value)
    )
    return tuple(dict.fromkeys(found))[:20]


def _texts(mail: Mail) -> tuple[str, str]:
    """(plain, HTML): the first part of each kind that is no attachment."""
    plain = _first(mail, "text/plain")
    html = _first(mail, "text/html")
    text = plain.text() if plain else ""
    if plain and plain.parameter("format") == "flowed":
        text = unflowed(text, delete_space=plain.parameter("delsp") == "yes")
    return text, (html.text()[:LONGEST_HTML] if html else "")


def _first(mail: Mail, content_type: str) -> Part | None:
    return next((part for part in mail.leaves if part.content_type == content_type and not part.is_attachment), None)
