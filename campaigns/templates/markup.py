"""MJML → HTML, and HTML → plain text, on template sources: Jinja's own tokens pass through untouched.

``mjml-python`` accepts unknown tags silently and chokes on ``<`` and quotes inside ``{{ }}``. So each token is first
replaced by a mark, the tags are checked here, and the tokens come back after the conversion.
"""

import html as entities
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from campaigns.templates.sandbox import HTML
from core.reading.problems import did_you_mean

MJML_TAGS = frozenset(
    [
        "mjml",
        "mj-head",
        "mj-body",
        "mj-attributes",
        "mj-all",
        "mj-class",
        "mj-breakpoint",
        "mj-font",
        "mj-preview",
        "mj-style",
        "mj-title",
        "mj-raw",
        "mj-accordion",
        "mj-accordion-element",
        "mj-accordion-title",
        "mj-accordion-text",
        "mj-button",
        "mj-carousel",
        "mj-carousel-image",
        "mj-column",
        "mj-divider",
        "mj-group",
        "mj-hero",
        "mj-image",
        "mj-navbar",
        "mj-navbar-link",
        "mj-section",
        "mj-social",
        "mj-social-element",
        "mj-spacer",
        "mj-table",
        "mj-text",
        "mj-wrapper",
    ]
)
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "blockquote",
        "body",
        "center",
        "dd",
        "div",
        "dl",
        "dt",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "ol",
        "p",
        "section",
        "table",
        "tbody",
        "tr",
        "ul",
    ]
)
_PARAGRAPHS = frozenset(["p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "table", "hr"])
_SILENT = frozenset({"style", "script", "head", "title"})
_MARK = re.compile("q7mark([0-9]+)kram7q")
# The converter writes attributes as Rust shows strings for debugging: backslashes and invisible characters escaped.
_ESCAPED_BY_CONVERTER = re.compile(r"[\\\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ue000-\uf8ff]")
_HREF = re.compile(r"""\b(?:href)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_ALT = re.compile(r"""\balt\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)


class MarkupProblem(Exception):
    """Something in the markup that would not arrive as meant; ``line`` counts from 1 within the source."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


@dataclass(slots=True)
class Marked:
    """A source whose Jinja tokens are marks; ``tokens[n]`` is what mark n stands for."""

    text: str
    tokens: list[str] = field(default_factory=list)

    def restored(self, text: str) -> str:
        """``text`` with its marks turned back into tokens."""
        return _MARK.sub(lambda match: self.tokens[int(match[1])], text)

    def blocks(self, text: str) -> str:
        """Only the block tokens (``{% %}``) whose marks stand in ``text``: what must survive for balance."""
        return "".join(m[0] for m in _MARK.finditer(text) if self.tokens[int(m[1])].startswith("{%"))


def marked(source: str) -> Marked:
    """Replace every ``{{ }}``, ``{% %}`` by a mark, and what the converter would spoil; comments vanish."""
    found = _MARK.search(source)
    if found:
        raise MarkupProblem(source[: found.start()].count("\n") + 1, f"{found[0]!r} is reserved; write another word")
    result, parts, token = Marked(""), [], ""

    def mark(text: str) -> str:
        result.tokens.append(text)
        return f"q7mark{len(result.tokens) - 1}kram7q"

    for _, kind, value in HTML.lex(source):
        if token or kind.endswith("_begin"):
            token += value
            if kind.endswith("_end"):
                parts.append("" if kind.startswith("comment") else mark(token))
                parts.append("\n" * token.count("\n"))  # so that lines keep their numbers
                token = ""
        else:
            parts.append(_ESCAPED_BY_CONVERTER.sub(lambda match: mark(match[0]), value))
    result.text = "".join(parts)
    return result


def compiled_mjml(source: str) -> str:
    """The HTML template that an MJML template becomes.

    Raises:
        MarkupProblem: for unknown or unclosed tags, with the line.
        TemplateSyntaxError: if Jinja's own syntax is broken.
    """
    from mjml import mjml2html

    protected = marked(source)
    _check_tags(protected.text)
    try:
        made = str(mjml2html(protected.text, fonts={}))
    except ValueError as error:
        raise MarkupProblem(_position(str(error), protected.text), f"MJML cannot read this: {error}") from None
    before, after = protected.blocks(protected.text), protected.blocks(made)
    lost = set(_MARK.findall(before)) - set(_MARK.findall(after))
    if lost:
        token = protected.tokens[min(map(int, lost))]
        at = protected.text[: protected.text.index(f"q7mark{min(map(int, lost))}kram7q")].count("\n") + 1
        raise MarkupProblem(at, f"MJML drops {token!r} here; put it inside mj-text, mj-raw or between sections")
    return protected.restored(made)


def plain_text(source: str) -> str:
    """The plain-text template that an HTML template becomes: text, ``label: address`` for links, alt for images."""
    protected = marked(source)
    out: list[str] = []
    silent = ""
    href, anchor = "", 0
    for is_tag, piece in _pieces(protected.text):
        if not is_tag:
            out.append(protected.blocks(piece) if silent else entities.unescape(re.sub(r"\s+", " ", piece)))
            continue
        out.append(protected.blocks(piece))
        closing, name = _tag(piece)
        if silent:
            silent = "" if closing and name == silent else silent
        elif name in _SILENT and not closing:
            silent = name
        elif name == "br":
            out.append("\n")
        elif name == "a" and not closing:
            found = _HREF.search(piece)
            href, anchor = (entities.unescape(found[1] or found[2] or found[3] or "") if found else ""), len(out)
        elif name == "a" and href:
            label = "".join(out[anchor:]).strip()
            out[anchor:] = [f"{label}: {href}" if label and label != href else href]
            href = ""
        elif name == "img":
            alt = _ALT.search(piece)
            out.append(entities.unescape((alt[1] or alt[2] or "") if alt else ""))
        elif name in _BLOCKS:
            out.append("\n\n" if name in _PARAGRAPHS else "\n")
        elif name in ("td", "th"):
            out.append(" ")
    # A block swallows the line break right after it; here the break separates paragraphs.
    return protected.restored(_tidy("".join(out))).replace("%}\n", "%} \n")


def _tidy(text: str) -> str:
    text = re.sub("[\u00a0\u200c\u200b\u2007\u034f\u00ad\ufeff]{3,}", " ", text)  # padding after a preview line
    lines = (re.sub(r"[ \t]+", " ", line).strip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def _pieces(text: str) -> Iterator[tuple[bool, str]]:
    # (is a tag, piece) in order, linear in the text's length; a comment counts as a tag without a name
    position = 0
    while position < len(text):
        start = text.find("<", position)
        if start < 0:
            yield False, text[position:]
            return
        if start > position:
            yield False, text[position:start]
        end = end_of_tag(text, start)
        if end < 0:
            yield False, text[start:]
            return
        yield True, text[start:end]
        position = end


def end_of_tag(text: str, start: int) -> int:
    """Where the tag or comment that begins at ``start`` ends, -1 if it does not."""
    if text.startswith("<!--", start):
        end = text.find("-->", start + 4)
        return end + 3 if end >= 0 else -1
    if not re.match(r"[A-Za-z/!?]", text[start + 1 : start + 2]):
        return start + 1
    quote = ""
    for index in range(start + 1, len(text)):
        character = text[index]
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character == ">":
            return index + 1
    return -1


def _tag(piece: str) -> tuple[bool, str]:
    match = re.match(r"<(/?)([A-Za-z][A-Za-z0-9-]*)", piece)
    return (bool(match[1]), match[2].lower()) if match else (False, "")


def _check_tags(text: str) -> None:
    line, opened = 1, list[tuple[str, int]]()
    root = False
    for is_tag, piece in _pieces(text):
        at = line
        line += piece.count("\n")
        if not is_tag:
            if piece.startswith("<"):
                raise MarkupProblem(at, "a tag begins here and does not end; close it with > or write &lt; for <")
            continue
        closing, name = _tag(piece)
        if piece == "<":
            raise MarkupProblem(at, "a bare < stands here; write &lt;")
        if name:
            _check_name(name, at, root=not root)
            root = True
            _check_nesting(opened, name, at, closing=closing, single=piece.endswith("/>") or name in _VOID)
    if opened:
        raise MarkupProblem(opened[-1][1], f"<{opened[-1][0]}> is never closed")
    if not root:
        raise MarkupProblem(1, "this is no MJML; begin with <mjml><mj-body>")


def _check_name(name: str, line: int, *, root: bool) -> None:
    if name == "mj-include":
        raise MarkupProblem(line, "mj-include is not read; put the text here")
    if (name.startswith("mj-") or root) and name not in MJML_TAGS:
        raise MarkupProblem(line, f"unknown tag <{name}>{did_you_mean(name, MJML_TAGS) or ' in MJML'}")


def _check_nesting(opened: list[tuple[str, int]], name: str, line: int, *, closing: bool, single: bool) -> None:
    if closing:
        if not opened or opened[-1][0] != name:
            still = f"; <{opened[-1][0]}> from line {opened[-1][1]} is still open" if opened else ""
            raise MarkupProblem(line, f"</{name}> closes nothing{still}")
        opened.pop()
    elif not single:
        opened.append((name, line))


def _position(message: str, text: str) -> int:
    match = re.search(r"position (\d+)", message)
    return text.encode()[: int(match[1])].count(b"\n") + 1 if match else 1
