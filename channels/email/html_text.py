"""The text of an HTML mail, its quoted part left out.

The standard library's ``html.parser`` takes minutes on 100 kB of ``<a <a <a`` (CPython 3.11), so tags are found here by
one expression that reads each character once. The result is text to be matched and shown as text, never HTML.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from html import unescape

LONGEST = 500_000
"""Characters of HTML that are read; what a person writes stands at the top."""

_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:]{0,30})([^<>]*)>")
_SKIPPED = {name: re.compile(f"</{name}[^<>]*>", re.IGNORECASE) for name in ("style", "script", "head", "title")}
_BREAKS = frozenset({"br", "p", "div", "tr", "li", "ul", "ol", "table", "h1", "h2", "h3", "h4", "hr", "pre", "section"})
_VOID = frozenset({"br", "hr", "img", "meta", "link", "input", "col", "wbr", "area", "base"})
_MARKS = re.compile(r"""(?:class|id)\s{0,9}=\s{0,9}(?:"([^"]*)|'([^']*)|([^\s"'>]+))""", re.IGNORECASE)
_QUOTE = frozenset({
    "gmail_quote", "gmail_extra", "yahoo_quoted", "moz-cite-prefix", "protonmail_quote", "zmail_extra",
    "tutanota_quote", "mailru-blockquote", "x_gmail_quote",
})  # fmt: skip
_QUOTE_TO_THE_END = frozenset({"divrplyfwdmsg", "x_divrplyfwdmsg", "appendonsend", "x_appendonsend"})
_SPACES = re.compile(r"[ \t\r\n\f\v]+")
_BLANK_LINES = re.compile(r"\n{3,}")


def text_of_html(html: str) -> str:
    """The text that a reader sees, without what the mail program quoted; with it, if that is all there is."""
    html = html[:LONGEST]
    return _text(html, quotes=False) or _text(html, quotes=True)


def _text(html: str, *, quotes: bool) -> str:
    pieces: list[str] = []
    quoting: list[str] = []  # open elements since the quote began, its own first
    for text, closing, name, attributes in _tokens(html):
        if quoting:
            _follow(quoting, name, closing=closing)
        elif not name:
            pieces.append(text)
        elif not closing and not quotes and _QUOTE_TO_THE_END & (marks := _marks(attributes)):
            break
        elif not closing and not quotes and (name == "blockquote" or _QUOTE & marks):
            quoting.append(name)
            pieces.append("\n")
        elif name in _BREAKS:
            pieces.append("\n")
    return _tidy("".join(pieces))


def _tokens(html: str) -> Iterator[tuple[str, bool, str, str]]:
    """(text, closing, tag, attributes): either text, or a tag's name and attributes. Each character is read once."""
    position = 0
    unclosed: set[str] = set()  # not looked for again: a thousand of them would read everything a thousand times
    while position < len(html):
        start = html.find("<", position)
        start = len(html) if start < 0 else start
        if start > position:
            yield _SPACES.sub(" ", html[position:start]), False, "", ""
        if html.startswith(("<!", "<?"), start):
            position = _after(html, "-->" if html.startswith("<!--", start) else ">", start)
        elif found := _TAG.match(html, start):
            closing, name = bool(found[1]), found[2].lower()
            position = found.end()
            if not closing and name in _SKIPPED and name not in unclosed:
                end = _SKIPPED[name].search(html, position)
                position = end.end() if end else position
                if end is None:
                    unclosed.add(name)
            yield "", closing, name, found[3][:2000]
        else:
            if start < len(html):
                yield "<", False, "", ""
            position = start + 1


def _marks(attributes: str) -> set[str]:
    """The classes and ids among a tag's attributes, lower-case."""
    return {word for values in _MARKS.findall(attributes) for value in values for word in value.lower().split()}


def _after(html: str, end: str, start: int) -> int:
    """Behind the next ``end``, or at the end of everything."""
    at = html.find(end, start)
    return at + len(end) if at >= 0 else len(html)


def _follow(quoting: list[str], name: str, *, closing: bool) -> None:
    """Keep count of elements of the quote's own kind only: the others may be left open as people's programs do."""
    if name != quoting[0] or name in _VOID:
        return
    if closing:
        quoting.pop()
    else:
        quoting.append(name)


def _tidy(text: str) -> str:
    with suppress(ValueError):  # a numeric reference of thousands of digits
        text = unescape(text)
    lines = (line.replace("\xa0", " ").strip() for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()
