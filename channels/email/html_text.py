"""The text of an HTML mail, without what its writer's program quoted.

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
_ATTRIBUTES = re.compile(r"""(?:class|id|name)\s{0,9}=\s{0,9}(?:"([^"]*)|'([^']*)|([^\s"'>]+))""", re.IGNORECASE)
_RULED = re.compile(r"border-top:\s{0,9}solid\s{1,9}#(?:e1e1e1|b5c4df)", re.IGNORECASE)
_QUOTE = frozenset({
    "moz-cite-prefix", "yahoo_quoted", "protonmail_quote", "zmail_extra", "tutanota_quote", "mailru-blockquote",
    "quote", "netease_mail_quote", "gmail_attr", "yandex_quote", "ntes_quote",
})  # fmt: skip
_AROUND_QUOTES = frozenset({"gmail_quote", "gmail_quote_container", "gmail_extra"})
"""Elements around an attribution, quotations and what was written between them; a forwarded mail whole."""
_QUOTE_TO_THE_END = frozenset({
    "divrplyfwdmsg", "appendonsend", "mail-editor-reference-message-container", "zwchr", "includetail",
    "outlookmessageheader",
})  # fmt: skip
_SIGNATURES = frozenset({
    "gmail_signature", "moz-signature", "protonmail_signature_block", "ms-outlook-mobile-signature",
    "ymail_android_signature", "composer_signature", "ymail_ios_signature",
})  # fmt: skip
_SPACES = re.compile(r"[ \t\r\n\f\v]+")
_BLANK_LINES = re.compile(r"\n{3,}")


def text_of_html(html: str) -> str:
    """The text that a reader sees, with a line of ``>`` where the mail program quoted; whole, if that is all there is.

    Signatures that a program marked as such are left out.
    """
    html = html[:LONGEST]
    shown = _text(html, quotes=False)
    return shown if shown.strip(">\n ") else _text(html, quotes=True)


def _text(html: str, *, quotes: bool) -> str:
    pieces: list[str] = []
    left_out: list[str] = []  # open elements since one began that is left out, its own first
    last_quote = max(html.rfind("<blockquote"), html.rfind("<BLOCKQUOTE"))
    for position, text, closing, name, attributes in _tokens(html):
        if left_out:
            _follow(left_out, name, closing=closing)
        elif not name:
            pieces.append(text)
        elif not closing and not quotes and (kind := _kind(name, attributes, quoting=position < last_quote)):
            pieces.append("" if kind == "signature" else "\n>\n")
            if kind == "rest":
                break
            if name not in _VOID:
                left_out.append(name)
        elif name in _BREAKS:
            pieces.append("\n")
    return _tidy("".join(pieces))


def _kind(name: str, attributes: str, *, quoting: bool) -> str:
    """``quote``, ``signature``, or ``rest`` where everything behind is another's; empty for the writer's own.

    ``quoting`` says that a ``blockquote`` follows: then what stands around quotations is not one itself.
    """
    if name == "blockquote":
        return "quote"
    if name == "includetail":
        return "rest"
    marks = _marks(attributes)
    if _QUOTE_TO_THE_END & marks or (name == "div" and _RULED.search(attributes)):
        return "rest"
    if _QUOTE & marks or (_AROUND_QUOTES & marks and not quoting):
        return "quote"
    return "signature" if _SIGNATURES & marks else ""


def _tokens(html: str) -> Iterator[tuple[int, str, bool, str, str]]:
    """(position, text, closing, tag, attributes): text, or a tag's name and attributes. Each character is read once."""
    position = 0
    unclosed: set[str] = set()  # not looked for again: a thousand of them would read everything a thousand times
    while position < len(html):
        start = html.find("<", position)
        start = len(html) if start < 0 else start
        if start > position:
            yield position, _SPACES.sub(" ", html[position:start]), False, "", ""
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
            yield start, "", closing, name, found[3][:2000]
        else:
            if start < len(html):
                yield start, "<", False, "", ""
            position = start + 1


def _marks(attributes: str) -> set[str]:
    """The classes, ids and names of a tag, lower-case, without the ``x_`` that Outlook sets before others' own."""
    return {
        word.removeprefix("x_")
        for values in _ATTRIBUTES.findall(attributes)
        for value in values
        for word in value.lower().split()
    }


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
