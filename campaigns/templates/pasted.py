"""Letters that were made elsewhere and pasted whole: what in them must not be read as ours, and where we may insert.

Everything here is linear in the letter's length, and every other byte stays as it was.
"""

import re

from campaigns.templates.markup import end_of_tag

PREVIEW = "<!--otklik:preview-->"
"""Stands in a compiled letter where its preview line goes."""
_OPENING = re.compile(r"<!--|<style\b|<body\b|</head\s*>|<html\b", re.IGNORECASE)
_STYLE = re.compile(r"<style\b", re.IGNORECASE)
_STYLE_END = re.compile(r"</style\s*>", re.IGNORECASE)
_COMMENT_OF_OURS = "{#"


def guarded(html: str) -> str:
    """``html`` whose style sheets are not read as comments: ``@media screen {#header {…}}`` is a selector there."""
    if _COMMENT_OF_OURS not in html:
        return html
    out, position = [], 0
    while (opening := _STYLE.search(html, position)) and (closing := _STYLE_END.search(html, opening.end())):
        out.append(html[position : opening.end()])
        out.append(html[opening.end() : closing.start()].replace(_COMMENT_OF_OURS, "{{ '{#' }}"))
        position = closing.start()
    return "".join((*out, html[position:]))


def with_place_for_preview(html: str) -> str:
    """``html`` with :data:`PREVIEW` first in its body.

    A ``<body>`` inside a comment is Outlook's alone and is passed over; without a body it goes after the head.
    """
    at = position = 0
    while found := _OPENING.search(html, position):
        word = found[0].lower()
        if word == "<!--":
            position = html.find("-->", found.end()) + 3
        elif word == "<style":
            closing = _STYLE_END.search(html, found.end())
            position = closing.end() if closing else 0
        else:
            at = position = end_of_tag(html, found.start())
        if position < found.end() or word == "<body":  # nothing closes it, or this is the place
            break
    return f"{html[:at]}{PREVIEW}{html[at:]}" if at >= 0 else PREVIEW + html
