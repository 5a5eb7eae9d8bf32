"""A raw mail taken apart within bounds, whatever it is.

Header fields go through the standard library's ``compat32`` message, one part at a time and cut to size first; the tree
of parts is walked here, because the library's own parser has no bound on depth or number.
"""

import codecs
import re
from binascii import a2b_base64, a2b_qp
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.errors import MessageError
from email.header import decode_header
from email.message import Message

LARGEST_MAIL = 26_000_000
"""Bytes of a mail that we take; what providers deliver ends between 20 and 25 MB."""
MAX_RAW = 40_000_000
MAX_HEADER_BYTES = 256_000
MAX_FIELDS = 500
MAX_FIELD = 16_000
MAX_PARAMETERS = 2_000
MAX_PARTS = 100
MAX_DEPTH = 8

_HEADER_END = re.compile(rb"\r?\n\r?\n")
_FIELD_BREAK = re.compile(rb"\r?\n(?![ \t])")
_FOLDS = re.compile(r"\r?\n(?=[ \t])")
_SEPARATORS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NOT_BASE64 = bytes(byte for byte in range(256) if byte not in _BASE64)
_CLIPPED_SHORT = frozenset({"content-type", "content-disposition", "content-transfer-encoding"})
_UNSAFE_CODECS = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})
"""Codecs that are no charsets, or whose decoding takes quadratic time."""


@dataclass(frozen=True, slots=True)
class Part:
    """A leaf of the tree: its fields (names lower-case, first one wins) and its undecoded body."""

    fields: Message
    body: bytes
    depth: int = 0

    @property
    def content_type(self) -> str:
        return self.fields.get_content_type()

    @property
    def charset(self) -> str:
        return str(self.fields.get_content_charset() or "")

    @property
    def file_name(self) -> str:
        try:
            return decoded(self.fields.get_filename() or "")
        except (ValueError, LookupError, MessageError):
            return ""

    def parameter(self, name: str, field_name: str = "content-type") -> str:
        """A parameter of Content-Type or of another field, lower-case, empty if it is not there."""
        try:
            return str(self.fields.get_param(name, header=field_name) or "").strip().lower()
        except (ValueError, LookupError, MessageError):
            return ""

    @property
    def is_attachment(self) -> bool:
        return self.fields.get_content_disposition() == "attachment" or bool(self.file_name)

    def content(self) -> bytes:
        """The body with its transfer encoding taken off; as it is where that is broken."""
        encoding = str(self.fields.get("content-transfer-encoding", "")).strip().lower()
        if encoding == "base64":
            return _from_base64(self.body)
        if encoding == "quoted-printable":
            return a2b_qp(self.body)
        if encoding in ("x-uuencode", "uuencode", "uue", "x-uue"):
            self.fields.set_payload(self.body.decode("ascii", "surrogateescape"))
            payload = self.fields.get_payload(decode=True)
            return payload if isinstance(payload, bytes) else self.body
        return self.body

    def text(self) -> str:
        return decoded_text(self.content(), self.charset)


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail: its top fields and its leaves. ``complete`` is False where a bound left something out."""

    fields: Message
    leaves: list[Part] = field(default_factory=list)
    complete: bool = True

    def field(self, name: str) -> str:
        """The first field of that name, unfolded, not decoded; empty if there is none."""
        return _flat(self.fields.get(name, ""))

    def all(self, name: str) -> list[str]:
        return [_flat(value) for value in self.fields.get_all(name, [])]


def _from_base64(body: bytes) -> bytes:
    """``body`` decoded, whatever is no base64 in it passed over, a group that breaks off left out."""
    digits = body.translate(None, _NOT_BASE64)
    end = digits.find(b"=")
    digits = digits if end < 0 else digits[:end]
    rest = len(digits) % 4
    digits = digits[:-1] if rest == 1 else digits + b"=" * (-len(digits) % 4)
    return a2b_base64(digits)


def taken_apart(raw: bytes) -> Mail:
    """``raw`` as a mail. Never raises: what is no mail is a mail without fields."""
    complete = len(raw) <= MAX_RAW
    fields, body = read_fields(raw[:MAX_RAW])
    leaves: list[Part] = []
    for part in _leaves(fields, body, 0):
        if len(leaves) >= MAX_PARTS:
            complete = False
            break
        leaves.append(part)
    return Mail(fields, leaves, complete)


def read_fields(raw: bytes) -> tuple[Message, bytes]:
    """(fields, body) of a mail or a part."""
    if raw.startswith((b"\r\n", b"\n")):
        return Message(), raw.lstrip(b"\r\n")
    end = _HEADER_END.search(raw)
    head, body = (raw[: end.start()], raw[end.end() :]) if end else (raw, b"")
    message: Message = Message()
    for line in _FIELD_BREAK.split(head[:MAX_HEADER_BYTES], maxsplit=MAX_FIELDS)[:MAX_FIELDS]:
        name, colon, value = line.partition(b":")
        key = name.decode("ascii", "replace").strip().lower()
        if not colon or not key or " " in key:
            continue
        limit = MAX_PARAMETERS if key in _CLIPPED_SHORT else MAX_FIELD
        message[key] = decoded_text(value[:limit].strip(), "")
    return message, body


def _leaves(fields: Message, body: bytes, depth: int) -> Iterator[Part]:
    boundary = fields.get_boundary() if fields.get_content_maintype() == "multipart" else None
    if not boundary or depth >= MAX_DEPTH:
        yield Part(fields, body, depth)
        return
    for section in _sections(body, boundary.encode("utf-8", "replace")):
        inner, content = read_fields(section)
        yield from _leaves(inner, content, depth + 1)


def _sections(body: bytes, boundary: bytes) -> Iterator[bytes]:
    """The bytes between the delimiter lines; the last one also where its end is missing."""
    delimiter = b"--" + boundary
    position, start = 0, -1
    for _ in range(MAX_PARTS + 1):
        found = _delimiter_at(body, delimiter, position)
        if start >= 0:
            yield body[start : found if found >= 0 else len(body)].removesuffix(b"\n").removesuffix(b"\r")
        if found < 0 or body.startswith(b"--", found + len(delimiter)):
            return
        line_end = body.find(b"\n", found)
        if line_end < 0:
            return
        start = position = line_end + 1


def _delimiter_at(body: bytes, delimiter: bytes, position: int) -> int:
    """Where the next line begins that is ``delimiter``, closing dashes and blanks allowed; -1 if none is."""
    found = body.find(delimiter, position)
    while found >= 0:
        if found == 0 or body[found - 1] == 0x0A:
            after = body[found + len(delimiter) : found + len(delimiter) + 100].split(b"\n", 1)[0]
            if after.strip() in (b"", b"--"):
                return found
        found = body.find(b"\n" + delimiter, found)
        found += found >= 0
    return -1


def decoded(value: str) -> str:
    """A header value with its encoded-words read, at most 4,000 characters of it."""
    flat = _flat(value)[:4000]
    if "=?" not in flat:
        return flat
    try:
        chunks = decode_header(flat)
    except (MessageError, ValueError, IndexError):
        return flat
    return "".join(
        chunk if isinstance(chunk, str) else decoded_text(chunk, charset or "ascii") for chunk, charset in chunks
    ).strip()


def decoded_text(data: bytes, charset: str) -> str:
    """``data`` as text: by its declared charset, else UTF-8, else the 8-bit one that its letters speak for."""
    try:
        codec = codecs.lookup(charset) if charset else None
    except (LookupError, ValueError):
        codec = None
    if (
        codec is not None
        and codec.name.replace("-", "_") not in _UNSAFE_CODECS
        and not (codec.name == "ascii" and not data.isascii())
    ):
        try:
            return data.decode(charset, "replace").replace("\x00", "")
        except (LookupError, ValueError, TypeError):
            pass
    try:
        return data.decode("utf-8").replace("\x00", "")
    except UnicodeDecodeError:
        high = sum(byte >= 0xC0 for byte in data[:5000])
        low = sum(0x41 <= byte <= 0x7A for byte in data[:5000])
        return data.decode("windows-1251" if high > low else "windows-1252", "replace").replace("\x00", "")


def _flat(value: object) -> str:
    """One line: unfolded, controls and separators as spaces."""
    return _SEPARATORS.sub(" ", _FOLDS.sub("", str(value))).strip()
