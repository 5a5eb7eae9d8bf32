"""Reports by machines: delivery status notifications (RFC 3464) and complaints (ARF, RFC 5965)."""

import re
from collections.abc import Iterator
from email.message import Message

from channels.email.bounces import Recipients, recipients_in_prose
from channels.email.headers import OWN_ID, is_address, message_id, our_id
from channels.email.replies import permanent_kind
from channels.email.structure import Mail, Part, read_fields
from core.addresses import email_address
from core.errors import PermanentKind
from core.ids import ID_LENGTH
from core.machines.message import MessageState
from core.messages import EMAIL, Address, Complaint, DeliveryReport
from core.text import clipped
from core.tokens import TAG_LENGTH

_STATES = {
    "failed": MessageState.FAILED,
    "failure": MessageState.FAILED,  # what some servers write for it
    "error": MessageState.FAILED,
    "delivered": MessageState.DELIVERED,
    "relayed": MessageState.DELIVERED,
    "delayed": MessageState.ACCEPTED,  # still under way: not a bounce
    "expanded": MessageState.ACCEPTED,
}
_CLASSES = {"2": MessageState.DELIVERED, "4": MessageState.ACCEPTED, "5": MessageState.FAILED}
"""By the class of the status, where a server left the action out."""
_COMPLAINTS = frozenset({"abuse", "fraud", "virus", "opt-out", "opt-out-list", "other"})
_STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_BASIC = re.compile(r"\b(5\d\d)[ -]")
_OUR_MESSAGE_ID = re.compile(rf"message-id:\s{{0,9}}<([0-9a-v]{{{ID_LENGTH}}})@([a-z0-9._-]{{1,255}})>", re.IGNORECASE)
_OUR_ID = re.compile(rf"[0-9a-v]{{{ID_LENGTH}}}")
_OUR_TOKEN = re.compile(rf"\+([0-9a-v]{{{ID_LENGTH}}})[0-9a-v]{{{TAG_LENGTH}}}@", re.IGNORECASE)
_RECIPIENTS = ("delivered-to", "x-original-to", "x-envelope-to", "envelope-to", "to")
_UNDELIVERED = re.compile(
    r"(?=[udfrmnн不退])(?:"  # what none of them begins with is passed over faster
    r"undeliver|delivery (?:status|failure|has failed|to the following)|failure notice|returned mail|mail delivery fail"
    r"|delivery notification|mail system error|недоставлен|не доставлен|не удалось доставить|unzustellbar"
    r"|non remis|no se (?:ha )?(?:pudo|podido) entregar|mancata consegna|不達|退信)",
    re.IGNORECASE,
)
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
    blocks = _blocks(status)
    ours, provider_id = _original(mail)
    envelope = next((_value(block, "original-envelope-id") for block in blocks if "original-envelope-id" in block), "")
    if _OUR_ID.fullmatch(envelope):  # names one mail, where two may have one Message-ID
        ours = envelope
    ours = ours or _bounced_to(mail)
    reports = []
    for number, block in enumerate(block for block in blocks if "action" in block or "status" in block):
        state = _state(block)
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


def recipients(mail: Mail) -> Recipients:
    """Whom a report names, by its machine's part, else by its prose; nobody if the mail is no report. Never raises."""
    status = _part(mail, "message/delivery-status", "message/global-delivery-status")
    if status is None:
        return recipients_in_prose(mail)
    found: dict[MessageState | None, set[str]] = {}
    for block in _blocks(status):
        named = _value(block, "original-recipient") or _value(block, "final-recipient")
        if named:
            found.setdefault(_state(block), set()).add(named.strip("<> ").lower())
    failed, delayed = found.get(MessageState.FAILED, set()), found.get(MessageState.ACCEPTED, set())
    return Recipients(frozenset(failed), frozenset(delayed)) if failed or delayed else recipients_in_prose(mail)


def _blocks(status: Part) -> list[Message]:
    return [
        read_fields(block.strip(b"\r\n"))[0]
        for block in re.split(rb"\r?\n(?:[ \t]*\r?\n)+", status.content().strip(), maxsplit=_MOST_RECIPIENTS)
    ]


def _state(block: Message) -> MessageState | None:
    """What a block says; the first word of its action, as some servers comment on it."""
    action = _value(block, "action").lower()
    if not action:
        return _CLASSES.get(_value(block, "status")[:1])
    return _STATES.get(re.split(r"[\s(;]", action, maxsplit=1)[0])


def _bounced_to(mail: Mail) -> str:
    """Our id in the signed address that the report was sent to: an envelope sender of our own for each mail."""
    for name in _RECIPIENTS:
        for value in mail.all(name)[:5]:
            if found := _OUR_TOKEN.search(value):
                return found[1].lower()
    return ""


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
    """The bounce of a server that knows no RFC 3464: for good by its code or its wording, no warning, and about ours.

    It is ours where it names our Message-ID or came to an address that we signed: ``From:`` and a recipient's name can
    be written by anybody.
    """
    subject = mail.field("subject")
    if not mail.leaves or not (_FAREWELL_SENDERS.match(sender) or _UNDELIVERED.search(subject[:300])):
        return []
    text = "\n".join(part.text()[:50_000] for part in mail.leaves[:4])
    ours, provider_id = _named(mail, text)
    status = _STATUS.search(text)
    basic = _BASIC.search(text)
    permanent = (status is not None and status[1] == "5") or (status is None and basic is not None)
    if not ours or _WARNING.search(text[:3000] + subject):
        return []
    if not permanent:
        if status is not None or not recipients_in_prose(mail).permanent:
            return []
        return [_failed(account, provider_id, key, "", PermanentKind.REJECTED.value, ours)]
    code = status.group() if status else basic[1] if basic else ""
    failure = permanent_kind(status.group() if status else "", int(basic[1]) if basic else 0, text).value
    return [_failed(account, provider_id, key, code, failure, ours)]


def _named(mail: Mail, text: str) -> tuple[str, str]:
    """(our id, Message-ID or empty) of the mail that a bounce in prose is about."""
    if named := _OUR_MESSAGE_ID.search(text):
        ours = named[1].lower()
        return ours, message_id(ours, named[2].lower())
    ours, provider_id = _original(mail)
    return ours or _bounced_to(mail), provider_id


def _failed(account: str, provider_id: str, key: str, code: str, failure: str, ours: str) -> DeliveryReport:
    return DeliveryReport(
        account, provider_id, MessageState.FAILED, key, code, "bounced", failure, message_id=ours
    )  # fmt: skip


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
    own = _returned_field(mail, OWN_ID.decode().lower())
    if _OUR_ID.fullmatch(own):
        return own, ""
    for candidate in (
        _returned_field(mail, "message-id"),
        mail.field("in-reply-to"),
        mail.field("x-original-message-id"),
    ):
        if ours := our_id(candidate):
            return ours, candidate if candidate.startswith("<") else f"<{candidate}>"
    return "", ""
