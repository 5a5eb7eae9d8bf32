"""Keyboards and other fields of a request: from the wire's strings to checked values."""

from typing import Any

import orjson

from sandbox.telegram.errors import refused

BUTTON_LIMIT = 100
_ACTIONS = ("url", "callback_data", "web_app", "login_url", "switch_inline_query", "switch_inline_query_current_chat",
            "copy_text", "callback_game", "pay")  # fmt: skip


def structure(value: Any, what: str) -> Any:
    """A field that holds JSON, also when it comes as text; 400 when it cannot be read."""
    if isinstance(value, str | bytes):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            raise refused(400, f"can't parse {what} JSON object") from None
    return value


def integer(params: dict[str, Any], name: str, default: int) -> int:
    """A whole number, also as text."""
    try:
        return int(params.get(name, default))
    except (TypeError, ValueError):
        return default


def boolean(params: dict[str, Any], name: str) -> bool:
    """True, "true", "yes", 1."""
    return str(params.get(name, "")).lower() in ("true", "yes", "1")


def keyboard(params: dict[str, Any]) -> dict[str, Any] | None:
    """The checked ``reply_markup``: an inline or a reply keyboard (other kinds pass as they are)."""
    if not params.get("reply_markup"):
        return None
    markup = structure(params["reply_markup"], "reply keyboard markup")
    if not isinstance(markup, dict):
        raise refused(400, "object expected as reply markup")
    rows = markup.get("inline_keyboard")
    if rows is None:
        if "keyboard" in markup:
            _check_keys(markup["keyboard"])
        return markup
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise refused(400, 'field "inline_keyboard" must be of type Array')
    if sum(map(len, rows)) > BUTTON_LIMIT:
        raise refused(400, "REPLY_MARKUP_TOO_LONG")
    for row in rows:
        for button in row:
            _check(button)
    return {"inline_keyboard": rows}


def rows_of(markup: dict[str, Any] | None) -> list[list[dict[str, Any]]] | None:
    """The buttons of either kind of keyboard, row by row; None where there are none."""
    rows = (markup or {}).get("inline_keyboard") or (markup or {}).get("keyboard")
    if not rows:
        return None
    return [[{"text": key} if isinstance(key, str) else key for key in row] for row in rows]


def is_inline(rows: list[list[dict[str, Any]]]) -> bool:
    """Whether the buttons stand under their message; the keys of a reply keyboard only have words."""
    return any(action in button for row in rows for button in row for action in _ACTIONS)


def _check_keys(rows: Any) -> None:
    """A reply keyboard: texts, or objects with one."""
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise refused(400, 'field "keyboard" must be of type Array')
    for key in (key for row in rows for key in row):
        words = key.get("text") if isinstance(key, dict) else key
        if not isinstance(words, str) or not words.strip():
            raise refused(400, 'can\'t parse keyboard button: Field "text" must be of type String')


def _check(button: Any) -> None:
    if not isinstance(button, dict):
        raise refused(400, "can't parse inline keyboard button: Expected an Object")
    if not isinstance(button.get("text"), str) or not button["text"].strip():
        raise refused(400, 'can\'t parse inline keyboard button: Field "text" must be of type String')
    if not any(action in button for action in _ACTIONS):
        raise refused(400, "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    data = button.get("callback_data")
    if data is not None and (not isinstance(data, str) or not 1 <= len(data.encode()) <= 64):
        raise refused(400, "BUTTON_DATA_INVALID")
    url = button.get("url")
    if url is not None and (not isinstance(url, str) or not url.startswith(("http://", "https://", "tg://"))):
        raise refused(400, f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")
