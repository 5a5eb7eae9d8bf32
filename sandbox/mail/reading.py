"""Reading mails: a glance that costs microseconds for every mail, and a whole reading for the few that are opened.

Headers are read under the ``compat32`` rules, whose cost is linear; everything is bounded.
"""

import base64
import binascii
import html
import quopri
import re
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.utils import parseaddr

HEAD_LIMIT = 64 * 1024  # bytes of header that are looked at
BODY_LIMIT = 1 << 20  # bytes of a mail that are parsed
TEXT_LIMIT = 2000  # characters a glance gives
_ENCODED_LIMIT = 12_000  # bytes of an encoded part that are decoded at a glance
_DEPTH_LIMIT = 4

_BOUNDARY = re.compile(rb'boundary\s*=\s*(?:"([^"\r\n]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_CHARSET = re.compile(rb'charset\s*=\s*"?([A-Za-z0-9_.:-]{1,40})', re.IGNORECASE)
_UNSEEN = re.compile(r"(?is)<(script|style|head|title)\b.{0,200000}?</\1\s*>|<!--.{0,100000}?-->")
_BREAK = re.compile(r"(?i)<(?:br|/p|/div|/tr|/h[1-6]|/li)\b[^<>]{0,200}>")
_TAG = re.compile(r"<[^<>]{1,4000}>")
_HREF = re.compile(r"""(?i)<a\s[^<>]{0,2000}?href\s*=\s*(?:"([^"<>]{1,4000})"|'([^'<>]{1,4000})')""")
_IMAGE = re.compile(r"(?i)<img\s[^<>]{1,4000}>")
_SOURCE = re.compile(r"""(?i)\ssrc\s*=\s*(?:"([^"<>]{1,4000})"|'([^'<>]{1,4000})')""")
_TINY = re.compile(r"""(?i)\s(?:width|height)\s*=\s*["']?[01]["'\s/>]""")
_URL = re.compile(r"""https?://[^\s<>"'\u00ab\u00bb]{1,4000}""")


@dataclass(frozen=True, slots=True)
class Glance:
    """What the ledger and a phone's list show. ``otklik_id`` as in X-Otklik-Message, else Message-ID's local part."""

    message_id: str | None
    otklik_id: str | None
    subject: str
    sender: str
    text: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail read whole: header values unfolded and decoded (names in lower case), both bodies, and their links."""

    headers: dict[str, str]
    text: str
    html: str | None
    links: list[str]
    images: list[tuple[str, bool]]

    def address(self, header: str) -> str | None:
        """The first address in ``header``."""
        return parseaddr(self.headers.get(header, ""))[1] or None


def glance(raw: bytes) -> Glance:
    """What can be said of a mail without parsing it."""
    head, _, body = raw.partition(b"\r\n\r\n")
    headers = _headers(head[:HEAD_LIMIT])
    message_id = headers.get(b"message-id", b"").decode("utf-8", "replace").strip() or None
    own = headers.get(b"x-otklik-message")
    otklik_id = own.decode("utf-8", "replace").strip() if own else None
    if otklik_id is None and message_id is not None:
        otklik_id = message_id.strip("<>").partition("@")[0] or None
    return Glance(
        message_id,
        otklik_id,
        decoded(headers.get(b"subject", b"")),
        decoded(headers.get(b"from", b"")),
        _first_text(headers, body, 0)[:TEXT_LIMIT],
    )


def read(raw: bytes) -> Letter:
    """Read a whole mail (its first BODY_LIMIT bytes)."""
    message = message_from_bytes(raw[:BODY_LIMIT])
    headers: dict[str, str] = {}
    for name, value in message.items():
        headers.setdefault(name.lower(), decoded(str(value).encode("utf-8", "surrogateescape")))
    text = markup = None
    for place, part in enumerate(message.walk()):
        if place > 50:
            break
        kind = part.get_content_type()
        if kind == "text/plain" and text is None:
            text = _content(part)
        elif kind == "text/html" and markup is None:
            markup = _content(part)
    if text is None:
        text = to_text(markup or "")
    found = [html.unescape(double or single) for double, single in _HREF.findall(markup or "")]
    links = [link for link in found if link.startswith(("http://", "https://"))] or find_links(text)
    images = []
    for tag in _IMAGE.findall(markup or ""):
        source = _SOURCE.search(tag)
        if source:
            images.append((html.unescape(source[1] or source[2]), bool(_TINY.search(tag))))
    return Letter(headers, text, markup, links, images)


def find_links(text: str) -> list[str]:
    """The http links of a plain text, in order."""
    return [link.rstrip(".,;:!?)") for link in _URL.findall(text)]


def to_text(markup: str) -> str:
    """The words of ``markup``, roughly as a mail program shows them."""
    text = _TAG.sub("", _BREAK.sub("\n", _UNSEEN.sub("", markup)))
    lines = (" ".join(line.split()) for line in html.unescape(text).splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def decoded(value: bytes) -> str:
    """A header's value with its encoded words decoded; control characters and line ends become spaces."""
    text = value[:4000].decode("utf-8", "replace")
    if "=?" in text:
        try:
            pieces = decode_header(text[:2000])
            text = "".join(
                piece if isinstance(piece, str) else piece.decode(charset or "latin-1", "replace")
                for piece, charset in pieces
            )
        except (HeaderParseError, LookupError, ValueError):
            pass
    return "".join(character if character.isprintable() else " " for character in text).strip()


def _headers(head: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    name = b""
    for line in head.split(b"\r\n"):
        if line[:1] in (b" ", b"\t"):
            if name:
                found[name] += b" " + line.strip()
            continue
        key, colon, value = line.partition(b":")
        name = key.lower() if colon and key.lower() not in found else b""
        if name:
            found[name] = value.strip()
    return found


def _first_text(headers: dict[bytes, bytes], body: bytes, depth: int) -> str:
    kind = headers.get(b"content-type", b"text/plain")
    if kind[:10].lower() == b"multipart/":
        boundary = _BOUNDARY.search(kind)
        if boundary is None or depth >= _DEPTH_LIMIT:
            return ""
        fallback = ""
        for piece in body.split(b"--" + (boundary[1] or boundary[2]), 8)[1:]:
            head, _, inner = piece.partition(b"\r\n\r\n")
            part = _headers(head[:HEAD_LIMIT])
            text = _first_text(part, inner, depth + 1)
            if text and b"html" not in part.get(b"content-type", b"").lower():
                return text
            fallback = fallback or text
        return fallback
    if kind[:5].lower() != b"text/":
        return ""
    charset = _CHARSET.search(kind)
    data = _decode(body, headers.get(b"content-transfer-encoding", b"").lower())
    try:
        text = data.decode(charset[1].decode() if charset else "utf-8", "replace")
    except LookupError:
        text = data.decode("latin-1")
    if b"html" in kind.lower():
        text = to_text(text)
    return text.strip().replace("\r\n", "\n")


def _decode(body: bytes, encoding: bytes) -> bytes:
    body = body[:_ENCODED_LIMIT]
    if encoding == b"base64":
        packed = body.replace(b"\r\n", b"")
        try:
            return base64.b64decode(packed[: len(packed) // 4 * 4])
        except binascii.Error:
            return b""
    if encoding == b"quoted-printable":
        return quopri.decodestring(body)
    return body


def _content(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    try:
        return payload.decode(part.get_content_charset() or "utf-8", "replace").replace("\r\n", "\n")
    except LookupError:
        return payload.decode("latin-1").replace("\r\n", "\n")
