r"""The one small markup for texts that go to every channel. Pure, and reading it never fails.

``*bold*``, ``_italic_``, ``~struck out~``, ```` `code` ````, ``[label](https://example.com)``, a line that begins with
``>`` is a quotation. A backslash makes the next sign a plain one. A mark opens before a word and closes after one, on
the same line: ``snake_case`` and ``2 * 3`` stay as they are, and so does everything in an address. Marks around nothing
are nothing: ``*{{ name }}*`` of somebody without a name.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from core.formatting import Formatted
from core.messages import Span, SpanKind

_MARKS: dict[str, SpanKind] = {"*": "bold", "**": "bold", "_": "italic", "~": "strike", "~~": "strike"}
_SPECIAL = re.compile(r"([\\*_~`>\[\]()])")
_ESCAPED = re.compile(r"\\([\\*_~`>\[\]()])")
# neither part can hold what begins another one: a line is read once, whatever is in it
_LINK = re.compile(r"\[((?:\\.|[^\[\]\\])+)\]\(((?:\\.|[^\s()\\])+)\)")
_CODE = re.compile(r"`((?:\\.|[^`\\])+)`")
_ADDRESS = re.compile(r"https?://(?:\\.|[^\s<>\"'()\[\]\\*~`])+")
_RUN = re.compile(r"\*+|_+|~+")
_NEXT = re.compile(r"[\\*_~`\[]|https?://")
_SCHEMES = ("https://", "http://", "mailto:", "tel:", "tg://")
_TRAILING = "_.,;:!?»”"


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
        made = _Line(line).read()
        text.append(made.text)
        spans += [replace(span, start=span.start + at, end=span.end + at) for span in made.spans]
        at += len(made.text) + 1
    if quote >= 0:
        spans.append(Span(quote, at - 1, "quote"))
    quotes_first = sorted(spans, key=lambda span: (span.start, -span.end, span.kind != "quote"))
    return Formatted("\n".join(text), tuple(span for span in quotes_first if span.start < span.end))


class _Line:
    """One line while it is read: its pieces, and which of them look like something."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._pieces: list[str] = []
        self._opened: list[tuple[str, int]] = []  # (mark, its piece), each mark once
        self._marked: list[tuple[int, int, SpanKind, str]] = []  # pieces from, up to
        self._doubled: list[int] = []  # pieces that are two signs in a row

    def read(self) -> Formatted:
        source = self._source
        while found := _NEXT.search(source, self._at):
            if found.start() > self._at:
                self._pieces.append(source[self._at : found.start()])
            self._at = found.start()
            self._sign(source[self._at])
        self._pieces.append(source[self._at :])
        for place in self._doubled:
            if len(self._pieces[place]) == 2:  # it closed nothing, and nothing closed it
                self._pieces[place] = ""
        return self._put_together()

    def _sign(self, sign: str) -> None:
        match sign:
            case "\\":
                plain = _ESCAPED.match(self._source, self._at)
                self._take(plain[1] if plain else sign, 2 if plain else 1)
            case "h":
                self._address()
            case "`":
                code = _CODE.match(self._source, self._at)
                self._take(_unescaped(code[1]) if code else sign, len(code[0]) if code else 1, "code" if code else None)
            case "[":
                self._link()
            case _:
                self._run()

    def _take(self, text: str, length: int, kind: SpanKind | None = None, url: str = "") -> None:
        """A piece, made of the next ``length`` signs of the source."""
        if kind is not None:
            self._marked.append((len(self._pieces), len(self._pieces) + 1, kind, url))
        self._pieces.append(text)
        self._at += length

    def _address(self) -> None:
        """An address, without the sentence's own punctuation."""
        found = _ADDRESS.match(self._source, self._at)
        address = found[0] if found else ""
        while address and address[-1] in _TRAILING and address[-2:-1] != "\\":
            address = address[:-1]
        url = _unescaped(address)
        self._take(url or "h", len(address) or 1, "link" if url else None, url)

    def _link(self) -> None:
        link = _LINK.match(self._source, self._at)
        url = _unescaped(link[2]) if link else ""
        if link is None or not url.lower().startswith(_SCHEMES):
            self._take("[", 1)
            return
        label = _without_links(_Line(link[1]).read())
        first = len(self._pieces)
        # cut where its spans begin and end
        edges = sorted({0, len(label.text), *(edge for span in label.spans for edge in (span.start, span.end))})
        places = {edge: first + number for number, edge in enumerate(edges)}
        self._marked += [(places[one.start], places[one.end], one.kind, "") for one in reversed(label.spans)]
        self._pieces += [label.text[start:end] for start, end in pairwise(edges)]
        self._marked.append((first, len(self._pieces), "link", url))
        self._at = link.end()

    def _run(self) -> None:
        """Signs in a row: a mark closes what it opened, or opens, or is a sign."""
        run = _RUN.match(self._source, self._at)
        mark = run[0] if run else self._source[self._at]
        end = self._at + len(mark)
        before, after = self._source[self._at - 1 : self._at], self._source[end : end + 1]
        place = next((number for number, (other, _) in enumerate(self._opened) if other == mark), -1)
        if len(mark) == 2 and not (before.isalnum() and after.isalnum()):
            self._doubled.append(len(self._pieces))
        if (
            place >= 0
            and not before.isspace()
            and not after.isalnum()
            and len(self._pieces) > self._opened[place][1] + 1
        ):
            start = self._opened[place][1]
            del self._opened[place:]  # what was opened inside and not closed is plain
            self._pieces[start] = ""
            self._marked.append((start, len(self._pieces), _MARKS[mark], ""))
            self._take("", len(mark))
            return
        if mark in _MARKS and after and not after.isspace() and not before.isalnum():
            if place >= 0:
                del self._opened[place]
            self._opened.append((mark, len(self._pieces)))
        self._take(mark, len(mark))

    def _put_together(self) -> Formatted:
        offsets = [0]
        for piece in self._pieces:
            offsets.append(offsets[-1] + len(piece))
        spans = (Span(offsets[start], offsets[end], kind, url) for start, end, kind, url in self._marked)
        return Formatted("".join(self._pieces), _in_order(span for span in spans if span.start < span.end))


def _without_links(formatted: Formatted) -> Formatted:
    return Formatted(formatted.text, tuple(span for span in formatted.spans if span.kind != "link"))


def _in_order(spans: Iterator[Span]) -> tuple[Span, ...]:
    # of two that cover the same characters the one that was closed last is outside
    numbered = sorted(enumerate(spans), key=lambda one: (one[1].start, -one[1].end, -one[0]))
    return tuple(span for _, span in numbered)


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)
