"""Texts that look like something, and what each channel makes of them. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape as html_escaped

from core.messages import Span, SpanKind

_HTML: dict[SpanKind, tuple[str, str]] = {
    "bold": ("<b>", "</b>"),
    "italic": ("<i>", "</i>"),
    "underline": ("<u>", "</u>"),
    "strike": ("<s>", "</s>"),
    "code": ("<code>", "</code>"),
    "pre": ("<pre>", "</pre>"),
    "quote": ("<blockquote>", "</blockquote>"),
}
_WHATSAPP: dict[SpanKind, str] = {"bold": "*", "italic": "_", "strike": "~", "code": "```", "pre": "```"}


@dataclass(frozen=True, slots=True)
class Formatted:
    """A text and how its parts look. Spans nest or stand apart, outer ones first; offsets are code points."""

    text: str
    spans: tuple[Span, ...] = ()


def plain(formatted: Formatted) -> str:
    """The text alone; a link is followed by its address, a quotation keeps its ``>``."""
    return _with_signs(formatted, {})


def whatsapp(formatted: Formatted) -> str:
    """As WhatsApp reads it. It knows no escapes: a plain ``*`` around a word looks bold there."""
    return _with_signs(formatted, _WHATSAPP)


def _with_signs(formatted: Formatted, signs: dict[SpanKind, str]) -> str:
    quoted = _quoted_lines(formatted)
    out: list[str] = []
    for opens, closes, text in walk(formatted):
        out += [signs.get(span.kind, "") for span in closes]
        out += [_link_end(formatted, span) for span in closes if span.kind == "link"]
        out += [signs.get(span.kind, "") for span in opens]
        out.append(text)
    if not quoted:
        return "".join(out)
    lines = "".join(out).split("\n")
    return "\n".join(f"> {line}" if number in quoted else line for number, line in enumerate(lines))


def _quoted_lines(formatted: Formatted) -> frozenset[int]:
    found: set[int] = set()
    for span in formatted.spans:
        if span.kind == "quote":
            first = formatted.text.count("\n", 0, span.start)
            found.update(range(first, first + formatted.text.count("\n", span.start, span.end) + 1))
    return frozenset(found)


def _link_end(formatted: Formatted, span: Span) -> str:
    url, label = span.url, formatted.text[span.start : span.end]
    bare = url.removeprefix("mailto:").removeprefix("tel:")
    return "" if label in (url, bare) else f": {bare}"


def html(formatted: Formatted, link_style: str = "") -> str:
    """Safe HTML within a paragraph: line breaks are ``<br>``, an empty line is two."""
    out: list[str] = []
    style = f' style="{html_escaped(link_style)}"' if link_style else ""
    for opens, closes, text in walk(formatted):
        out += ["</a>" if span.kind == "link" else _HTML[span.kind][1] for span in closes]
        for span in opens:
            is_link = span.kind == "link"
            out.append(f'<a href="{html_escaped(span.url)}"{style}>' if is_link else _HTML[span.kind][0])
        out.append(html_escaped(text, quote=False).replace("\n", "<br>\n"))
    return "".join(out)


def walk(formatted: Formatted) -> Iterator[tuple[list[Span], list[Span], str]]:
    """(spans that open, spans that close before them, the characters up to the next change), from begin to end."""
    edges = sorted({0, len(formatted.text), *(edge for span in formatted.spans for edge in (span.start, span.end))})
    opening: dict[int, list[Span]] = {}
    closing: dict[int, list[Span]] = {}
    for span in formatted.spans:
        opening.setdefault(span.start, []).append(span)
        closing.setdefault(span.end, []).insert(0, span)
    for edge, following in zip(edges, [*edges[1:], len(formatted.text)], strict=True):
        yield opening.get(edge, []), closing.get(edge, []), formatted.text[edge:following]


def edited(formatted: Formatted, edits: Sequence[tuple[int, int, str]]) -> Formatted:
    """The text with characters ``start`` up to ``end`` replaced, in order and apart; spans stay around what they held.

    A span that ended inside of what was replaced ends with it.
    """
    if not edits:
        return formatted
    out: list[str] = []
    moves: list[tuple[int, int, int, int]] = []  # from, up to, and where that is now
    position = shift = 0
    for start, end, text in edits:
        out += [formatted.text[position:start], text]
        moves.append((start, end, start + shift, start + shift + len(text)))
        shift += len(text) - (end - start)
        position = end

    def moved(offset: int, *, is_end: bool) -> int:
        by = 0
        for start, end, start_now, end_now in moves:
            if offset <= start:
                break
            if offset < end:
                return end_now if is_end else start_now
            by = end_now - end
        return offset + by

    spans = (
        replace(span, start=moved(span.start, is_end=False), end=moved(span.end, is_end=True))
        for span in formatted.spans
    )
    return Formatted("".join((*out, formatted.text[position:])), tuple(span for span in spans if span.start < span.end))


def with_urls(formatted: Formatted, follow: Callable[[str], str]) -> Formatted:
    """Every link's address replaced by what ``follow`` makes of it; those that stand in the text are not looked at."""
    spans = (replace(span, url=follow(span.url)) if span.kind == "link" else span for span in formatted.spans)
    return Formatted(formatted.text, tuple(spans))


def shortened(formatted: Formatted, limit: int, end: str = "…") -> Formatted:
    """At most ``limit`` characters, cut between words where there are any, and ``end`` after them."""
    text = formatted.text
    if len(text) <= limit:
        return formatted
    cut = text[: max(0, limit - len(end)) + 1]
    at = max(cut.rfind(" "), cut.rfind("\n"))
    kept = cut[: at if at > limit // 2 else len(cut) - 1].rstrip()
    spans = (replace(span, end=min(span.end, len(kept))) for span in formatted.spans)
    return Formatted(kept + end, tuple(span for span in spans if span.start < span.end))


def trimmed(formatted: Formatted) -> Formatted:
    """Without blanks at the beginning and at the end."""
    text = formatted.text
    kept, lead = text.strip(), len(text) - len(text.lstrip())
    if len(kept) == len(text):
        return formatted
    spans = (
        replace(span, start=max(0, span.start - lead), end=min(len(kept), span.end - lead)) for span in formatted.spans
    )
    return Formatted(kept, tuple(span for span in spans if span.start < span.end))
