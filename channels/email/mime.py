"""The bytes of a mail, built by joining: everything constant for a sender is made once.

Bodies are 7bit where they can be, quoted-printable where they are mostly ASCII, base64 otherwise; lines end in CRLF and
stay under the 998 octets of RFC 5322.
"""

import re
from binascii import b2a_base64, b2a_qp
from collections.abc import Sequence
from datetime import datetime
from email.utils import formatdate
from functools import lru_cache
from html import escape

from channels.email.headers import (
    OWN_ID,
    content_id,
    file_name,
    mailbox,
    media_type,
    message_id,
    one_line,
    reference,
    unstructured,
    url,
)
from channels.email.settings import EmailSettings
from core.errors import PermanentFailure, PermanentKind
from core.messages import Attachment, OutboundMessage
from core.purposes import Purpose

_SEVEN_BIT = bytes((*b"\t\r\n", *range(0x20, 0x7F)))
_LONGEST_LINE = 990
_RAW_ELEMENT = re.compile(rb"<(?:style|script|xmp|iframe|noembed|noframes|plaintext)\b", re.IGNORECASE)
"""Between its tags a reference is not read as a character."""
_MISREAD = re.compile(rb"&#1[2-5][0-9];")
"""References to U+0080 … U+009F are read as characters of Windows."""
_KEPT_LINE = 1000
"""Characters of the longest line whose quoted form is kept."""
_MOST_REFERENCES = 20
MAX_ATTACHMENTS = 50
MAX_ATTACHED = 18_000_000
"""Bytes of all attachments of a mail before base64: with it, under the 25 MB that the usual servers take."""
_ONE_CLICK = b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
_PLAIN = b"Content-Type: text/plain; charset=utf-8\r\n"
_HTML = b"Content-Type: text/html; charset=utf-8\r\n"


class Composer:
    """Composes the mails of one sender."""

    def __init__(self, settings: EmailSettings) -> None:
        self.domain = settings.sender.rpartition("@")[2].lower()
        self._reply_address = settings.reply_address
        self._from = b"From: " + mailbox(settings.sender, settings.sender_name) + b"\r\n"
        list_id = one_line(settings.list_id).strip("<>")
        self._list_id = b"List-Id: <" + url(list_id) + b">\r\n" if list_id else b""

    def compose(self, message: OutboundMessage, now: datetime) -> bytes:
        """The whole mail, CRLF at the end; ``now`` goes into Date.

        Raises:
            PermanentFailure: if an address cannot stand in a header or an attachment has lost its bytes.
        """
        return b"".join((self._head(message, now), b"MIME-Version: 1.0\r\n", _body(message)))

    def _head(self, message: OutboundMessage, now: datetime) -> bytes:
        out = [
            self._from,
            b"To: ",
            _checked(message.to.value, message.to_name),
            b"\r\nSubject: ",
            unstructured(message.subject, used=9),
            b"\r\nDate: ",
            _date(int(now.timestamp())),
            b"\r\nMessage-ID: ",
            message_id(message.repeats or message.id, self.domain).encode(),
            b"\r\n",
        ]
        if message.repeats:  # which of the two it is
            out += (OWN_ID, b": ", message.id.encode(), b"\r\n")
        if reply_to := message.reply_to or self._reply_address:
            out += (b"Reply-To: ", _checked(reply_to, "", PermanentKind.REJECTED), b"\r\n")
        if message.in_reply_to or message.references:
            out.append(_thread(message))
        if message.unsubscribe_url or message.unsubscribe_mailto:
            out.append(_unsubscribe(message))
            out.append(self._list_id)
        if message.purpose is Purpose.SERVICE:
            kind = b"auto-replied" if message.in_reply_to else b"auto-generated"
            out += (b"Auto-Submitted: ", kind, b"\r\n")
        return b"".join(out)


def _checked(address: str, name: str, kind: PermanentKind = PermanentKind.BAD_ADDRESS) -> bytes:
    """The address for a header; ``kind`` is what a wrong one means: of our own addresses no recipient is to blame."""
    try:
        return mailbox(address, name)
    except ValueError as error:
        raise PermanentFailure(kind, str(error)) from None


@lru_cache(maxsize=16)
def _date(seconds: int) -> bytes:
    return formatdate(seconds).replace("-0000", "+0000").encode()


def _thread(message: OutboundMessage) -> bytes:
    """In-Reply-To and References; an id that is not one is left out."""
    answered = reference(message.in_reply_to) if message.in_reply_to else ""
    ids = [id_ for raw in message.references if (id_ := reference(raw))]
    if answered and answered not in ids:
        ids.append(answered)
    if len(ids) > _MOST_REFERENCES:
        ids = [ids[0], *ids[1 - _MOST_REFERENCES :]]
    out = f"In-Reply-To: {answered}\r\n" if answered else ""
    if ids:
        out += "References: " + "\r\n ".join(ids) + "\r\n"
    return out.encode("ascii")


def _unsubscribe(message: OutboundMessage) -> bytes:
    """RFC 2369 and RFC 8058: the one-click line stands only beside a web address."""
    ways = []
    if message.unsubscribe_url:
        ways.append(b"<" + url(message.unsubscribe_url) + b">")
    if mailto := message.unsubscribe_mailto.removeprefix("mailto:"):
        ways.append(b"<mailto:" + url(mailto) + b">")
    line = b"List-Unsubscribe: " + b",\r\n ".join(ways) + b"\r\n"
    return line + _ONE_CLICK if message.unsubscribe_url else line


def _body(message: OutboundMessage) -> bytes:
    """From Content-Type to the end."""
    text, html = _with_buttons(message) if message.buttons else (message.text, message.html)
    if not message.attachments:
        return _alternatives(text, html, (), message.id.encode())
    attachments = _bounded(message.attachments)
    images = [attachment for attachment in attachments if html and _is_inline(attachment)]
    files = [attachment for attachment in attachments if not (html and _is_inline(attachment))]
    inner = _alternatives(text, html, images, message.id.encode())
    if not files:
        return inner
    return _multipart(b"mixed", b"=_m" + message.id.encode(), [inner, *map(_attachment, files)])


def _bounded(attachments: Sequence[Attachment]) -> Sequence[Attachment]:
    size = sum(attachment.size for attachment in attachments)
    if size > MAX_ATTACHED or len(attachments) > MAX_ATTACHMENTS:
        raise PermanentFailure(
            PermanentKind.CONTENT_REFUSED,
            f"{len(attachments)} attachments of {size:,} bytes; a mail carries at most {MAX_ATTACHMENTS} "
            f"of {MAX_ATTACHED:,} bytes together",
        )
    return attachments


def _is_inline(attachment: Attachment) -> bool:
    return bool(attachment.content_id) and attachment.media_type.lower().startswith("image/")


def _alternatives(text: str, html: str, images: Sequence[Attachment], id_: bytes) -> bytes:
    if not html:
        return _text_part(_PLAIN, text)
    shown = _html_part(html)
    if images:
        parts = [shown, *(_attachment(image, inline=True) for image in images)]
        shown = _multipart(b'related; type="text/html"', b"=_r" + id_, parts)
    if not text:
        return shown
    return _multipart(b"alternative", b"=_a" + id_, [_text_part(_PLAIN, text), shown])


def _multipart(subtype: bytes, boundary: bytes, parts: list[bytes]) -> bytes:
    """Every part ends in CRLF, which stays its own: the CRLF before a delimiter belongs to the delimiter."""
    opening = b'Content-Type: multipart/%b; boundary="%b"\r\n' % (subtype, boundary)
    delimiter = b"\r\n--" + boundary
    return opening + b"".join(delimiter + b"\r\n" + part for part in parts) + delimiter + b"--\r\n"


def _html_part(html: str) -> bytes:
    """HTML as a part: a few characters beyond ASCII become references, which spare quoting all the rest."""
    if not html.isascii():
        data = html.encode("ascii", "xmlcharrefreplace")
        if len(data) * 7 < len(html) * 8 and not (_RAW_ELEMENT.search(data) or _MISREAD.search(data)):
            html = data.decode("ascii")
    return _text_part(_HTML, html)


def _text_part(content_type: bytes, text: str) -> bytes:
    """A text as a part. ``=_`` begins our boundaries and occurs in neither of the two encodings."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.removesuffix("\n")
    lines = text.split("\n")
    data = text.encode("utf-8", "replace").replace(b"\n", b"\r\n") + b"\r\n"
    if not data.translate(None, _SEVEN_BIT) and max(map(len, lines)) <= _LONGEST_LINE and b"--=_" not in data:
        return content_type + b"Content-Transfer-Encoding: 7bit\r\n\r\n" + data
    # A Cyrillic or Persian character is two bytes of UTF-8: six characters quoted, under three in base64.
    if len(data) * 7 < (len(text) + len(lines) + 1) * 8:
        quoted = [_quoted_again(line) if len(line) <= _KEPT_LINE else _quoted(line) for line in lines]
        return content_type + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"".join(quoted)
    return content_type + b"Content-Transfer-Encoding: base64\r\n\r\n" + _base64(data)


def _quoted(line: str) -> bytes:
    """A line in quoted-printable, with its end."""
    return b2a_qp(f"{line}\r\n".encode("utf-8", "replace"))


_quoted_again = lru_cache(maxsize=1024)(_quoted)
"""Most lines of a letter are the same for all its readers, and quoting was a tenth of composing."""


def _base64(data: bytes) -> bytes:
    flat = b2a_base64(data, newline=False)
    return b"\r\n".join([flat[start : start + 76] for start in range(0, len(flat), 76)]) + b"\r\n"


def _attachment(attachment: Attachment, *, inline: bool = False) -> bytes:
    if len(attachment.content) != attachment.size:
        raise PermanentFailure(
            PermanentKind.UNSUPPORTED,
            f"attachment {one_line(attachment.name)!r} should have {attachment.size} bytes and has "
            f"{len(attachment.content)}: load its content before sending",
        )
    return b"".join(
        (
            b"Content-Type: ",
            media_type(attachment.media_type).encode(),
            b"\r\nContent-ID: " + content_id(attachment.content_id) if inline else b"",
            b"\r\nContent-Disposition: inline; " if inline else b"\r\nContent-Disposition: attachment; ",
            file_name(attachment.name),
            b"\r\nContent-Transfer-Encoding: base64\r\n\r\n",
            _base64(attachment.content),
        )
    )


def _with_buttons(message: OutboundMessage) -> tuple[str, str]:
    """(text, html) with the buttons as lines and links: mail has none of its own."""
    text = "\n".join((message.text, "", *(f"{b.label}: {b.url}" if b.url else f"– {b.label}" for b in message.buttons)))
    if not message.html:
        return text, ""
    links = "".join(
        f'<p><a href="{escape(b.url)}">{escape(b.label)}</a></p>' if b.url else f"<p>– {escape(b.label)}</p>"
        for b in message.buttons
    )
    head, end, tail = message.html.rpartition("</body>")
    return text, f"{head}{links}{end}{tail}" if end else message.html + links
