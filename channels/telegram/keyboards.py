"""Buttons as keyboards: under the message, or in the place of the reader's own. Pure."""

from typing import Any

from channels.telegram.dialects import Dialect
from core.errors import PermanentFailure, PermanentKind
from core.messages import Button, OutboundMessage


def keyboard(message: OutboundMessage, dialect: Dialect) -> dict[str, Any] | None:
    """The ``reply_markup`` of ``message``, one button a row; None where it has no buttons.

    A button that asks for the reader's own number, or where they are, stands in a reply keyboard only, so it makes the
    whole one of these.

    Raises:
        PermanentFailure: buttons that the server would refuse, or that this kind of keyboard cannot have.
    """
    buttons = message.buttons
    if not buttons:
        return None
    if len(buttons) > dialect.buttons:
        raise refused(f"there are {len(buttons)} buttons; {dialect.title} takes {dialect.buttons}")
    if any(not button.label.strip() for button in buttons):
        raise refused("a button has no label")
    if message.keyboard == "reply" or any(button.asks for button in buttons):
        rows = [[_key(button)] for button in buttons]
        return {"keyboard": rows, "resize_keyboard": True, "one_time_keyboard": True}
    return {"inline_keyboard": [[_choice(button, dialect)] for button in buttons]}


def refused(why: str) -> PermanentFailure:
    """Content that the server would not take."""
    return PermanentFailure(PermanentKind.CONTENT_REFUSED, why)


def _choice(button: Button, dialect: Dialect) -> dict[str, str]:
    if button.url:
        return {"text": button.label, "url": button.url}
    value = button.value or button.label
    if len(value.encode()) > dialect.callback_bytes:
        raise refused(f"button {button.label!r} carries more than {dialect.callback_bytes} bytes")
    return {"text": button.label, "callback_data": value}


def _key(button: Button) -> dict[str, Any]:
    """A key sends its label as the reader's own words."""
    if button.url:
        raise refused(f"button {button.label!r} opens a page; only buttons under the message can")
    return {"text": button.label, f"request_{button.asks}": True} if button.asks else {"text": button.label}
