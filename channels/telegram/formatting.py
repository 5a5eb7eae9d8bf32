"""How a text looks, in the ways that servers take it: entities beside it, or Markdown within it. Pure."""

import html
import re
from typing import Any

from channels.telegram.splitting import Part, utf16_length
from core.messages import Span, SpanKind

_ENTITIES: dict[SpanKind, str] = {
    "bold": "bold",
    "italic": "italic",
    "underline": "underline",
    "strike": "strikethrough",
    "code": "code",
    "pre": "pre",
    "quote": "blockquote",
    "link": "text_link",
}
_TAGS: dict[str, SpanKind] = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strike",
    "strike": "strike",
    "del": "strike",
    "code": "code",
    "pre": "pre",
    "blockquote": "quote",
    "a": "link",
}
_MARKDOWN: dict[str, tuple[str, str]] = {"bold": ("*", "*"), "italic": ("_", "_")}
_TOKEN = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]*)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>|<|[^<]+")
_HREF = re.compile(r"""\shref\s*=\s*(?:"([^"]*)"|'([^']*)'|(\S+))""", re.IGNORECASE)


def entities_of(part: Part) -> list[dict[str, Any]]:
    """MessageEntity objects: offsets and lengths in UTF-16 units."""
    plain = part.text.isascii()
    found = []
    for span in sorted(part.spans, key=lambda span: (span.start, -span.end)):
        start, end = _trimmed(part.text, span)
        if start >= end:
            continue
        offset = start if plain else utf16_length(part.text[:start])
        length = end - start if plain else utf16_length(part.text[start:end])
        entity: dict[str, Any] = {"type": _ENTITIES[span.kind], "offset": offset, "length": length}
        if span.kind == "link":
            entity["url"] = span.url
        found.append(entity)
    return found


def markdown_of(part: Part) -> str:
    """The text with bold, italic and links in it as Bale writes them; what Markdown has no word for stays plain."""
    opening: dict[int, list[str]] = {}
    closing: dict[int, list[str]] = {}
    for span in sorted(part.spans, key=lambda span: (span.start, -span.end)):
        start, end = _trimmed(part.text, span)
        marks = ("[", f"]({span.url})") if span.kind == "link" else _MARKDOWN.get(span.kind)
        if marks is not None and start < end:
            opening.setdefault(start, []).append(marks[0])
            closing.setdefault(end, []).insert(0, marks[1])
    pieces: list[str] = []
    for at in range(len(part.text) + 1):
        pieces += [*closing.get(at, ()), *opening.get(at, ()), part.text[at : at + 1]]
    return "".join(pieces)


def spans_of(markup: str) -> Part:
    """Telegram's HTML as a text and its spans; a tag that Telegram does not know is left out, its content stays."""
    text: list[str] = []
    spans: list[Span] = []
    opened: list[tuple[str, int, str]] = []
    length = 0
    for token in _TOKEN.finditer(markup):
        name = (token[2] or "").lower()
        if not name:
            text.append(html.unescape(token[0]))
            length += len(text[-1])
        elif not token[1]:
            href = _HREF.search(token[3]) if name == "a" else None
            opened.append((name, length, html.unescape(href[1] or href[2] or href[3] or "") if href else ""))
        elif any(name == other for other, _, _ in opened):
            while opened:
                other, start, url = opened.pop()
                kind = _TAGS.get(other)
                if kind is not None and start < length and (kind != "link" or url):
                    spans.append(Span(start, length, kind, url))
                if other == name:
                    break
    return Part("".join(text), tuple(sorted(spans, key=lambda span: (span.start, -span.end))))


def _trimmed(text: str, span: Span) -> tuple[int, int]:
    """The span without white space at its ends: Telegram would cut it off, and Markdown would not be read."""
    start, end = max(span.start, 0), min(span.end, len(text))
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
