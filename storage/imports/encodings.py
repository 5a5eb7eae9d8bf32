"""Which encoding a text file is in: its byte order mark, else UTF-8 if it is, else UTF-16 by its zeros, else cp1251."""

import codecs
from dataclasses import dataclass
from pathlib import Path

from core.errors import OtklikError

_CHUNK = 1 << 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class UnreadableFile(OtklikError):
    """The whole file cannot be read; nothing of it went in."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """A codec's name. ``clean`` is false where the file holds bytes that are wrong in it, or NUL characters."""

    name: str
    clean: bool = True


def detect_encoding(path: Path, wanted: str = "") -> Encoding:
    """The encoding of ``path``, found by reading all of it once in pieces; ``wanted`` settles it.

    A file that is UTF-8 but for a few bytes stays UTF-8: the rows with those bytes are rejected, not the letters of all
    the others mangled.

    Raises:
        UnreadableFile: if ``wanted`` is no encoding.
    """
    if wanted:
        try:
            name = codecs.lookup(wanted).name
        except LookupError:
            raise UnreadableFile(f"{wanted!r} is not an encoding; write utf-8, utf-16 or cp1251") from None
        return Encoding("utf-8-sig" if name == "utf-8" else name, clean=False)
    with path.open("rb") as file:
        head = file.read(4096)
    for mark, name in _MARKS:
        if head.startswith(mark):
            return Encoding(name, clean=False)
    if name := _utf16_by_zeros(head):
        return Encoding(name, clean=False)
    good, broken, zeros = _try_utf8(path)
    if not broken:
        return Encoding("utf-8", clean=not zeros)
    return Encoding("utf-8" if good > 9 * broken else "cp1251", clean=False)


def _utf16_by_zeros(head: bytes) -> str:
    if len(head) < 4:
        return ""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    enough = len(head) // 50  # line ends, digits and delimiters have a zero byte in every language
    if odd > enough and not even:
        return "utf-16-le"
    return "utf-16-be" if even > enough and not odd else ""


def _try_utf8(path: Path) -> tuple[int, int, bool]:
    """Letters beyond ASCII that are right in UTF-8, pieces that are wrong, and whether there are NULs."""
    good = broken = 0
    zeros = False
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            zeros = zeros or b"\0" in piece
            text = decoder.decode(piece)
            if not text.isascii():
                wrong = sum(text.count(chr(code)) for code in range(0xDC80, 0xDD00)) if _has_surrogates(text) else 0
                broken += wrong
                good += sum(1 for byte in piece if byte >= 0xC0) - wrong if wrong else len(text)
    broken += bool(decoder.getstate()[0])
    return good, broken, zeros


def _has_surrogates(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
