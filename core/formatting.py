r"""One small markup for texts that go to every channel, and what each channel makes of it. Pure, and never raises.

``*bold*``, ``_italic_``, ``~struck out~``, ```` `code` ````, ``[label](https://example.com)``, a line that begins with
``>`` is a quotation. A backslash makes the next sign a plain one. A mark opens before a word and closes after one, on
the same line: ``snake_case`` and ``2 * 3`` stay as they are, and so does everything in an address.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape as html_escaped
from itertools import pairwise

from core.messages import Span, SpanKind

_MARKS: dict[str, SpanKind] = {"*": "bold", "**": "bold", "_": "italic", "~": "strike", "~~": "strike"}
_SPECIAL = re.compile(r"([\\*_~`>\[\]()])")
_ESCAPED = re.compile(r"\\([\\*_~`>\[\]()])")
# neither part can hold what begins another one: a line is read once, whatever is in it
_LINK = re.compile(r"\[((?:\\.|[^\[\]\\])+)\]\(((?:\\.|[^\s()\\])+)\)")
_CODE = re.compile(r"`((?:\\.|[^`\\])+)`")
_ADDRESS = re.compile(r"https?://(?:\\.|[^\s<>\"'()\[\]\\*~`])+")
_NEXT = re.compile(r"[\\*_~`\[]|https?://")
_SCHEMES = ("https://", "http://", "mailto:", "tel:", "tg://")
_TRAILING = "_.,;:!?»”"
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


def escaped(text: str) -> str:
    """``text`` as it must stand in the markup to be read as it is."""
    return _SPECIAL.sub(r"\\\1", text)


def parsed(source: str) -> Formatted:
    """What ``source`` says and how it looks. Every mark that does not fit is a plain sign."""
    text, spans, quote = [], [], -1
    at = 0
    for line in source.split("\n"):
        quoted = line.startswith(">")
        if quoted:
            line = line[1:].removeprefix(" ")  # noqa: PLW2901  the same line without its mark
        if quote >= 0 and not quoted:
            spans.append(Span(quote, at - 1, "quote"))
            quote = -1
        if quoted and quote < 0:
            quote = at
        made = _line(line)
        text.append(made.text)
        spans += [replace(span, start=span.start + at, end=span.end + at) for span in made.spans]
        at += len(made.text) + 1
    if quote >= 0:
        spans.append(Span(quote, at - 1, "quote"))
    quotes_first = sorted(spans, key=lambda span: (span.start, -span.end, span.kind != "quote"))
    return Formatted("\n".join(text), tuple(span for span in quotes_first if span.start < span.end))


def _line(source: str) -> Formatted:
    pieces: list[str] = []
    opened: list[tuple[str, int]] = []  # (mark, its piece), each mark once
    marked: list[tuple[int, int, SpanKind, str]] = []  # pieces from, up to
    at = 0
    while at < len(source):
        found = _NEXT.search(source, at)
        if found is None:
            pieces.append(source[at:])
            break
        if found.start() > at:
            pieces.append(source[at : found.start()])
        at = found.start()
        sign = source[at]
        if sign == "\\":
            plain = _ESCAPED.match(source, at)
            pieces.append(plain[1] if plain else sign)
            at += 2 if plain else 1
        elif sign == "h":
            address = _address(source, at)
            if address:
                marked.append((len(pieces), len(pieces) + 1, "link", _unescaped(address)))
            pieces.append(_unescaped(address) or sign)
            at += len(address) or 1
        elif sign == "`":
            code = _CODE.match(source, at)
            if code is not None:
                marked.append((len(pieces), len(pieces) + 1, "code", ""))
            pieces.append(_unescaped(code[1]) if code else sign)
            at = code.end() if code else at + 1
        elif sign == "[":
            link = _LINK.match(source, at)
            url = _unescaped(link[2]) if link else ""
            if link is None or not url.lower().startswith(_SCHEMES):
                pieces.append(sign)
                at += 1
                continue
            label = _without_links(_line(link[1]))
            first = len(pieces)
            pieces += _cut(label, marked, first)
            marked.append((first, len(pieces), "link", url))
            at = link.end()
        else:
            mark = source[at : at + 2] if source[at : at + 2] in _MARKS else sign
            _mark(mark, source[at - 1 : at], source[at + len(mark) : at + len(mark) + 1], pieces, opened, marked)
            at += len(mark)
    return _put_together(pieces, marked)


def _mark(
    mark: str,
    before: str,
    after: str,
    pieces: list[str],
    opened: list[tuple[str, int]],
    marked: list[tuple[int, int, SpanKind, str]],
) -> None:
    """Close what ``mark`` opened, or open it, or leave it a sign."""
    place = next((number for number, (other, _) in enumerate(opened) if other == mark), -1)
    closes = place >= 0 and not before.isspace() and not after.isalnum()
    if closes and len(pieces) > opened[place][1] + 1:
        start = opened[place][1]
        del opened[place:]  # what was opened inside and not closed is plain
        pieces[start] = ""
        marked.append((start, len(pieces), _MARKS[mark], ""))
        return
    if after and not after.isspace() and not before.isalnum():
        if place >= 0:
            del opened[place]
        opened.append((mark, len(pieces)))
    pieces.append(mark)


def _without_links(formatted: Formatted) -> Formatted:
    return Formatted(formatted.text, tuple(span for span in formatted.spans if span.kind != "link"))


def _cut(label: Formatted, marked: list[tuple[int, int, SpanKind, str]], first: int) -> list[str]:
    """A label as pieces that its spans begin and end at."""
    edges = sorted({0, len(label.text), *(span.start for span in label.spans), *(span.end for span in label.spans)})
    places = {edge: first + number for number, edge in enumerate(edges)}
    marked += [(places[span.start], places[span.end], span.kind, span.url) for span in reversed(label.spans)]
    return [label.text[start:end] for start, end in pairwise(edges)]


def _put_together(pieces: Sequence[str], marked: Sequence[tuple[int, int, SpanKind, str]]) -> Formatted:
    offsets = [0]
    for piece in pieces:
        offsets.append(offsets[-1] + len(piece))
    spans = (Span(offsets[start], offsets[end], kind, url) for start, end, kind, url in marked)
    return Formatted("".join(pieces), _in_order(span for span in spans if span.start < span.end))


def _in_order(spans: Iterator[Span]) -> tuple[Span, ...]:
    # of two that cover the same characters the one that was closed last is outside
    numbered = sorted(enumerate(spans), key=lambda one: (one[1].start, -one[1].end, -one[0]))
    return tuple(span for _, span in numbered)


def _address(source: str, at: int) -> str:
    """The address that begins at ``at``, without the sentence's own punctuation."""
    found = _ADDRESS.match(source, at)
    if found is None:
        return ""
    address = found[0]
    while address[-1] in _TRAILING and address[-2:-1] != "\\":
        address = address[:-1]
    return address


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


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
