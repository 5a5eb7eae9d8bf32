"""The HTML style of messages: tags become entities, references become characters, mistakes become Telegram's words."""

import html
import re
from typing import Any

from sandbox.telegram.errors import TelegramError, refused

_TAGS = {
    "b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
    "s": "strikethrough", "strike": "strikethrough", "del": "strikethrough", "tg-spoiler": "spoiler", "span": "spoiler",
    "a": "text_link", "code": "code", "pre": "pre", "blockquote": "blockquote", "tg-emoji": "custom_emoji",
}  # fmt: skip
_TOKEN = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]*)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>|<|[^<]+")
_HREF = re.compile(r"""\shref\s*=\s*(?:"([^"]*)"|'([^']*)'|(\S+))""", re.IGNORECASE)
_REFERENCE = re.compile(r"&(?:lt|gt|amp|quot|#\d{1,7}|#[xX][0-9A-Fa-f]{1,6});")


def utf16_length(text: str) -> int:
    """Length in UTF-16 units, as entities count."""
    return len(text) + sum(1 for character in text if ord(character) > 0xFFFF)


def parse_html(source: str) -> tuple[str, list[dict[str, Any]]]:
    """The text without its tags, and its entities; TelegramError 400 for what Telegram refuses."""
    text: list[str] = []
    entities: list[dict[str, Any]] = []
    open_tags: list[tuple[str, int, str | None]] = []
    length = 0
    for token in _TOKEN.finditer(source):
        name = (token[2] or "").lower()
        if not name:
            if token[0] == "<":
                raise _wrong(source, token, 'Unsupported start tag "" {offset}')
            piece = _REFERENCE.sub(lambda found: html.unescape(found[0]), token[0])
            text.append(piece)
            length += utf16_length(piece)
        elif not token[1]:
            if name not in _TAGS or (name == "span" and "tg-spoiler" not in token[3]):
                raise _wrong(source, token, f'Unsupported start tag "{name}" {{offset}}')
            href = _HREF.search(token[3]) if name == "a" else None
            url = html.unescape(href[1] or href[2] or href[3] or "") if href else None
            open_tags.append((name, length, url))
        else:
            if not open_tags:
                raise _wrong(source, token, "Unexpected end tag {offset}")
            wanted, start, url = open_tags.pop()
            if wanted != name:
                words = f'Unmatched end tag {{offset}}, expected "</{wanted}>", found "</{name}>"'
                raise _wrong(source, token, words)
            if length > start and not (name == "a" and not url):
                entity: dict[str, Any] = {"type": _TAGS[name], "offset": start, "length": length - start}
                if url:
                    entity["url"] = url
                entities.append(entity)
    if open_tags:
        raise refused(
            400, f"can't parse entities: Can't find end tag corresponding to start tag \"{open_tags[-1][0]}\""
        )
    entities.sort(key=lambda entity: (entity["offset"], -entity["length"]))
    return "".join(text), entities


def trim(text: str, entities: list[dict[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
    """``text`` without the white space around it, the entities moved and cut to fit."""
    shift = utf16_length(text) - utf16_length(text.lstrip())
    trimmed = text.strip()
    end = utf16_length(trimmed)
    moved = []
    for entity in entities:
        start = max(entity["offset"] - shift, 0)
        stop = min(entity["offset"] + entity["length"] - shift, end)
        if stop > start:
            moved.append({**entity, "offset": start, "length": stop - start})
    return trimmed, moved


def _wrong(source: str, token: re.Match[str], what: str) -> TelegramError:
    offset = len(source[: token.start()].encode("utf-8", "replace"))
    return refused(400, f"can't parse entities: {what.format(offset=f'at byte offset {offset}')}")


def command_entity(text: str) -> list[dict[str, Any]] | None:
    """The entity of a message that begins with a command."""
    found = re.match(r"/[A-Za-z0-9_]{1,32}", text)
    return [{"type": "bot_command", "offset": 0, "length": found.end()}] if found else None
