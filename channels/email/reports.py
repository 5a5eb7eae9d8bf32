"""Reports by machines: delivery status notifications (RFC 3464) and complaints (ARF, RFC 5965)."""

import re
from collections.abc import Iterator
from email.message import Message

from channels.email.headers import is_address, message_id, our_id
from channels.email.replies import permanent_kind
from channels.email.structure import Mail, Part, read_fields
from core.addresses import email_address
from core.ids import ID_LENGTH
from core.machines.message import MessageState
from core.messages import EMAIL, Address, Complaint, DeliveryReport
from core.text import clipped

_STATES = {
    "failed": MessageState.FAILED,
    "delivered": MessageState.DELIVERED,
    "relayed": MessageState.DELIVERED,
    "delayed": MessageState.ACCEPTED,  # still under way: not a bounce
    "expanded": MessageState.ACCEPTED,
}
_COMPLAINTS = frozenset({"abuse", "fraud", "virus", "opt-out", "opt-out-list", "other"})
_STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_BASIC = re.compile(r"\b(5\d\d)[ -]")
_OUR_MESSAGE_ID = re.compile(rf"message-id:\s{{0,9}}<([0-9a-v]{{{ID_LENGTH}}})@([a-z0-9._-]{{1,255}})>", re.IGNORECASE)
_ENVELOPE_ID = re.compile(rf"[0-9a-v]{{{ID_LENGTH}}}")
_FAREWELL_SENDERS = re.compile(r"(?:mailer-daemon|postmaster)(?:\+[^@]*)?@", re.IGNORECASE)
_WARNING = re.compile(r"delayed|warning|will (?:be retried|keep trying)|still being|temporar", re.IGNORECASE)
_MOST_RECIPIENTS = 20


def delivery_reports(mail: Mail, account: str, key: str) -> list[DeliveryReport]:
    """What the mail says of ours, a report for each recipient it names; empty if it is no such report.

    ``provider_id`` is our mail's Message-ID and ``message_id`` our id in it: both empty where the report names neither.
    """
    status = _part(mail, "message/delivery-status", "message/global-delivery-status")
    if status is None:
        return []
    blocks = [
        read_fields(block.strip(b"\r\n"))[0]
        for block in re.split(rb"\r?\n(?:[ \t]*\r?\n)+", status.content().strip(), maxsplit=_MOST_RECIPIENTS)
    ]
    ours, provider_id = _original(mail)
    envelope = next((_value(block, "original-envelope-id") for block in blocks if "original-envelope-id" in block), "")
    if not ours and _ENVELOPE_ID.fullmatch(envelope):
        ours = envelope
    reports = []
    for number, block in enumerate(block for block in blocks if "action" in block):
        state = _STATES.get(_value(block, "action").lower())
        if state is not None:
            code, failure = _code_and_failure(block, failed=state is MessageState.FAILED)
            reports.append(
                DeliveryReport(
                    account=account,
                    provider_id=provider_id,
                    status=state,
                    key=f"{key}#{number}",
                    code=code,
                    detail=clipped(f"{_value(block, 'action')} {_value(block, 'diagnostic-code')}".strip(), 400),
                    failure=failure,
                    sent_raw=_value(block, "last-attempt-date") or _value(block, "arrival-date"),
                    message_id=ours,
                )
            )
    return reports


def _code_and_failure(block: Message, *, failed: bool) -> tuple[str, str]:
    """(enhanced code, PermanentKind or empty) of one recipient's block."""
    said = _value(block, "diagnostic-code")
    status = _STATUS.search(_value(block, "status"))
    diagnosed = _STATUS.search(said[:500])
    # A relay often reports 5.0.0 where the server that refused said more.
    code = status.group() if status else ""
    if diagnosed and (not code or code.endswith(".0.0")):
        code = diagnosed.group()
    if not failed:
        return code, ""
    basic = _BASIC.search(said[:500])
    enhanced = "" if code.endswith(".0.0") else code
    return code, permanent_kind(enhanced, int(basic[1]) if basic else 0, said).value


def bounce_in_prose(mail: Mail, account: str, key: str, sender: str) -> list[DeliveryReport]:
    """The bounce of a server that knows no RFC 3464: it must name our Message-ID and a 5yz code, and be no warning."""
    if not _FAREWELL_SENDERS.match(sender) or not mail.leaves:
        return []
    text = "\n".join(part.text()[:50_000] for part in mail.leaves[:4])
    named = _OUR_MESSAGE_ID.search(text)
    status = _STATUS.search(text)
    basic = _BASIC.search(text)
    permanent = (status is not None and status[1] == "5") or (status is None and basic is not None)
    if named is None or not permanent or _WARNING.search(text[:3000] + mail.field("subject")):
        return []
    ours, code = named[1].lower(), status.group() if status else basic[1] if basic else ""
    failure = permanent_kind(status.group() if status else "", int(basic[1]) if basic else 0, text).value
    return [
        DeliveryReport(
            account, message_id(ours, named[2].lower()), MessageState.FAILED, key, code, "bounced", failure,
            message_id=ours,
        )
    ]  # fmt: skip


def complaint(mail: Mail, account: str, key: str) -> Complaint | None:
    """The complaint in an ARF report, None if it is none or says *not spam*."""
    report = _part(mail, "message/feedback-report")
    if report is None:
        return None
    fields, _ = read_fields(report.content().strip(b"\r\n"))
    if _value(fields, "feedback-type").lower() not in _COMPLAINTS:
        return None
    ours, _ = _original(mail)
    recipient = _value(fields, "original-rcpt-to").strip("<>") or _returned_field(mail, "to").strip("<>")
    address = None
    if is_address(recipient):
        try:
            address = Address(EMAIL, email_address(recipient))
        except ValueError:
            address = None
    return Complaint(account, key, ours, address)


def _part(mail: Mail, *content_types: str) -> Part | None:
    return next((part for part in mail.leaves if part.content_type in content_types), None)


def _value(fields: Message, name: str) -> str:
    """A field without its ``type;`` prefix and line breaks."""
    value = " ".join(str(fields.get(name, "")).split())
    prefix, semicolon, rest = value.partition(";")
    return rest.strip() if semicolon and re.fullmatch(r"[A-Za-z0-9-]{1,20}", prefix.strip()) else value


def _returned(mail: Mail) -> Iterator[Message]:
    """The headers of what is reported on."""
    for part in mail.leaves:
        if part.content_type in ("message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"):
            yield read_fields(part.content().lstrip(b"\r\n"))[0]


def _returned_field(mail: Mail, name: str) -> str:
    return next((" ".join(str(fields[name]).split()) for fields in _returned(mail) if name in fields), "")


def _original(mail: Mail) -> tuple[str, str]:
    """(our id, Message-ID) of the mail that is reported on; both empty if it is not shaped like ours."""
    for candidate in (
        _returned_field(mail, "message-id"),
        mail.field("in-reply-to"),
        mail.field("x-original-message-id"),
    ):
        if ours := our_id(candidate):
            return ours, candidate if candidate.startswith("<") else f"<{candidate}>"
    return "", ""
