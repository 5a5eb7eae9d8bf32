"""Servers of the same shape with fewer methods: what they have, so that a client's table of them can be tried.

``bale`` answers as Bale's documentation tells (https://docs.bale.ai, read 2026-11): no entities and no parse mode,
every text is Markdown of its own kind; no secret for the webhook; nobody tells the bot of a block.
"""

import re
from typing import Any

from sandbox.telegram.entities import utf16_length

DIALECTS = ("telegram", "bale")
BALE_METHODS = frozenset({
    "getme", "getupdates", "setwebhook", "deletewebhook", "getwebhookinfo", "sendmessage", "sendphoto", "senddocument",
    "sendmediagroup", "editmessagetext", "deletemessage", "answercallbackquery", "getchat", "getfile",
})  # fmt: skip
BALE_UPDATES = frozenset({"message", "edited_message", "callback_query"})
_BALE_IGNORES = frozenset({"entities", "caption_entities", "parse_mode", "secret_token", "allowed_updates"})
_MARKDOWN = re.compile(r"\[([^\]\n]+)\]\((https?://[^)\s]+)\)|(?<!\w)\*([^*\n]+)\*(?!\w)|(?<!\w)_([^_\n]+)_(?!\w)")


def known_to_bale(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters without those that Bale does not read."""
    return {name: value for name, value in params.items() if name not in _BALE_IGNORES}


def parse_markdown(source: str) -> tuple[str, list[dict[str, Any]]]:
    """The text without its marks, and its entities."""
    text: list[str] = []
    entities: list[dict[str, Any]] = []
    length = at = 0
    for found in _MARKDOWN.finditer(source):
        inner = found[1] or found[3] or found[4]
        text += source[at : found.start()], inner
        length += utf16_length(text[-2])
        kind = "text_link" if found[1] else "bold" if found[3] else "italic"
        entity: dict[str, Any] = {"type": kind, "offset": length, "length": utf16_length(inner)}
        entities.append({**entity, "url": found[2]} if found[1] else entity)
        length += utf16_length(inner)
        at = found.end()
    return "".join([*text, source[at:]]), entities
