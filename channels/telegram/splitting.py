"""A text that is too long for one message, in parts. Pure.

A cut is made between paragraphs, else lines, else words, else between what a reader sees as one character; and at none
of the first three where it would tear something that belongs together, as long as there is another place: formatting
(a link, a quotation), and words of the other direction within a line, which would be shown in another order. What is
torn all the same goes on in the next part, formatted as it was.

Lengths are in UTF-16 units. The documentation says "characters" and counts entities in these units; whoever keeps to
them keeps to the limit however it is counted.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from core.messages import Span

_PARAGRAPH, _LINE, _WORD = re.compile(r"\n[ \t]*\n\s*"), re.compile(r"\n\s*"), re.compile(r"\s+")
_LEAST = 4
"""A part is at least a quarter full where a cut inside a paragraph makes it so."""
_OPENERS, _CLOSERS = frozenset("\u2066\u2067\u2068\u202a\u202b\u202d\u202e"), frozenset("\u2069\u202c")
_RIGHT = frozenset({"R", "AL"})


@dataclass(frozen=True, slots=True)
class Part:
    """One message's text and how it looks; spans are in code points of this part."""

    text: str
    spans: tuple[Span, ...] = ()


def utf16_length(text: str) -> int:
    """Length in UTF-16 units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def split(text: str, spans: Sequence[Span], limit: int) -> list[Part]:
    """``text`` in parts of at most ``limit`` units each, white space at the cuts left out."""
    if utf16_length(text) <= limit:
        return [Part(text, tuple(spans))]
    units = [0, *accumulate(2 if ord(character) > 0xFFFF else 1 for character in text)]
    together = [*((span.start, span.end) for span in spans), *_turned(text), *_isolated(text)]
    parts = []
    start = 0
    while start < len(text):
        furthest = bisect_right(units, units[start] + limit) - 1
        end, following = (len(text), len(text)) if furthest >= len(text) else _cut(text, start, furthest, together)
        part = text[start:end]
        if part.strip():
            parts.append(Part(part, tuple(_clipped(spans, start, end))))
        start = following
    return parts


def _cut(text: str, start: int, furthest: int, together: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Where the part that begins at ``start`` ends, at most ``furthest``, and where the next begins."""
    least = start + (furthest - start) // _LEAST
    inside = [pair for pair in together if pair[0] < furthest and pair[1] > start]
    for torn in (False, True):
        for pattern in (_PARAGRAPH, _LINE, _WORD):
            found = None
            for gap in pattern.finditer(text, least, min(len(text), furthest + 1)):
                if gap.start() <= furthest and (torn or not _tears(inside, gap.start(), gap.end())):
                    found = gap
            if found is not None:
                after = re.compile(r"\s*").match(text, found.end())
                return found.start(), after.end() if after else found.end()
    end = furthest
    while end > start + 1 and _joins(text, end):
        end -= 1
    if end == start + 1 and _joins(text, end):  # one endless cluster: nothing but a cut helps
        end = furthest
    return end, end


def _tears(together: Sequence[tuple[int, int]], before: int, after: int) -> bool:
    return any(start < before and after < end for start, end in together)


def _clipped(spans: Sequence[Span], start: int, end: int) -> Iterator[Span]:
    for span in spans:
        first, last = max(span.start, start), min(span.end, end)
        if first < last:
            yield replace(span, start=first - start, end=last - start)


def _joins(text: str, at: int) -> bool:
    """Whether the characters on both sides of ``at`` are one to a reader (UAX 29, the cases that letters meet)."""
    if not 0 < at < len(text):
        return False
    before, after = text[at - 1], text[at]
    if (before, after) == ("\r", "\n") or before == "\u200d" or after in "\u200c\u200d":
        return True
    code = ord(after)
    if unicodedata.category(after) in ("Mn", "Me", "Mc") or 0x1F3FB <= code <= 0x1F3FF or 0xE0020 <= code <= 0xE007F:
        return True
    if 0x1160 <= code <= 0x11FF:  # Hangul vowels and finals
        return True
    if _is_flag(after) and _is_flag(before):
        letters = 0
        while at - 1 - letters >= 0 and _is_flag(text[at - 1 - letters]):
            letters += 1
        return letters % 2 == 1
    return False


def _is_flag(character: str) -> bool:
    return 0x1F1E6 <= ord(character) <= 0x1F1FF


def _turned(text: str) -> Iterator[tuple[int, int]]:
    """Runs of words that go against the direction of their line, as (start, end)."""
    if text.isascii():
        return
    start = 0
    for line in text.splitlines(keepends=True):
        base, run, end = "", -1, -1
        for at, character in enumerate(line, start):
            side = _side(character)
            base = base or side
            if not side:
                continue
            if side != base:
                run, end = (at if run < 0 else run), at + 1
            elif run >= 0:
                yield run, end
                run = -1
        if run >= 0:
            yield run, end
        start += len(line)


def _side(character: str) -> str:
    """``r`` or ``l`` for a letter with a direction, else nothing."""
    if character.isascii():
        return "l" if character.isalpha() else ""
    kind = unicodedata.bidirectional(character)
    return "r" if kind in _RIGHT else "l" if kind == "L" else ""


def _isolated(text: str) -> Iterator[tuple[int, int]]:
    """What stands between a mark that sets a direction and the one that ends it, as (start, end)."""
    opened: list[int] = []
    for at, character in enumerate(text):
        if character in _OPENERS:
            opened.append(at)
        elif character in _CLOSERS and opened:
            yield opened.pop(), at + 1
