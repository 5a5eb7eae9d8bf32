"""What a customer can do, and after which message they do it: data, parsed from JSON."""

from dataclasses import dataclass
from typing import Any

from sandbox.clock import parse_instant, to_micros

CHANNELS = ("email", "telegram", "sms", "whatsapp")

DEEDS = {
    "write": "write a new message (text) on a channel",
    "reply": "answer a message (text)",
    "auto_reply": "an out-of-office answer by mail (RFC 3834)",
    "click": "open the nth link of a message",
    "open": "load the remote picture of a mail",
    "one_click": "press the mail program's unsubscribe (RFC 8058)",
    "stop": "write STOP (SMS, WhatsApp), /stop (Telegram) or 'unsubscribe' (mail)",
    "start": "write START: SMS is allowed again",
    "start_bot": "follow the t.me link of the last message and press Start",
    "block_bot": "block the Telegram bot",
    "unblock_bot": "unblock the Telegram bot",
    "press": "press the nth button under a Telegram message, or of its reply keyboard",
    "edit": "change the last message that they wrote in Telegram (text)",
    "share_contact": "share the own number in Telegram",
    "send_photo": "send a picture in Telegram (text: its caption)",
    "migrate": "the Telegram chat goes on under another id (text), as a group's does",
    "read": "read a WhatsApp message now",
    "complain": "press 'this is spam': a feedback report (RFC 5965) to the sender's return path",
    "buy": "buy in the company's shop (amount, currency)",
    "ignore": "do nothing",
}


class DeedError(ValueError):
    """A deed or rule that cannot be understood; the text says what to write."""


@dataclass(frozen=True, slots=True)
class Deed:
    """One act. ``nth`` counts links or buttons from 1; ``message`` is the number of a message in its thread."""

    do: str
    channel: str | None = None
    text: str | None = None
    amount: str | None = None
    currency: str = "USD"
    nth: int = 1
    message: int | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """Do ``deed`` ``after`` seconds, when the ``nth`` message on ``channel`` arrives (or at the instant ``at``)."""

    deed: Deed
    channel: str | None = None
    nth: int | None = None
    contains: str | None = None
    after: float = 0.0
    at: int | None = None

    def fits(self, channel: str, count: int, text: str) -> bool:
        """Whether the ``count``-th message on ``channel``, with this ``text``, sets it off."""
        return (
            self.at is None
            and (self.channel is None or self.channel == channel)
            and (self.nth is None or self.nth == count)
            and (self.contains is None or self.contains.casefold() in text.casefold())
        )


def parse_deed(data: Any, channel: str | None = None) -> Deed:
    """A deed from its JSON object; DeedError names the field."""
    if not isinstance(data, dict):
        raise DeedError('a deed is an object such as {"do": "reply", "text": "…"}')
    do = data.get("do")
    if do not in DEEDS:
        raise DeedError(f"'do' is {do!r}; known are {', '.join(DEEDS)}")
    on = data.get("channel", channel)
    if on is not None and on not in CHANNELS:
        raise DeedError(f"'channel' is {on!r}; known are {', '.join(CHANNELS)}")
    amount = data.get("amount")
    nth, message = data.get("nth", 1), data.get("message")
    if not isinstance(nth, int) or nth < 1 or not isinstance(message, int | None):
        raise DeedError("'nth' is a number from 1, 'message' the number of a message")
    text = data.get("text")
    if text is not None and not isinstance(text, str):
        raise DeedError("'text' is a string")
    return Deed(do, on, text, None if amount is None else str(amount), str(data.get("currency", "USD")), nth, message)


def parse_rule(data: Any) -> Rule:
    """A rule from its JSON object: ``{"on": {…}, "after": seconds, "do": …}``; DeedError names the field."""
    if not isinstance(data, dict):
        raise DeedError('a rule is an object such as {"on": {"channel": "email", "nth": 1}, "do": "reply"}')
    unknown = set(data) - {"on", "after", "do", "channel", "text", "amount", "currency", "nth", "message"}
    if unknown:
        raise DeedError(f"unknown field {min(unknown)!r} in a rule")
    on = data.get("on") or {}
    if not isinstance(on, dict) or set(on) - {"channel", "nth", "contains", "at"}:
        raise DeedError("'on' knows channel, nth, contains and at")
    channel, after = on.get("channel"), data.get("after", 0)
    if channel is not None and channel not in CHANNELS:
        raise DeedError(f"'on.channel' is {channel!r}; known are {', '.join(CHANNELS)}")
    if not isinstance(after, int | float) or after < 0:
        raise DeedError("'after' is a number of seconds")
    if not isinstance(on.get("nth"), int | None) or not isinstance(on.get("contains"), str | None):
        raise DeedError("'on.nth' is a number and 'on.contains' a string")
    try:
        at = to_micros(parse_instant(on["at"])) if "at" in on else None
    except ValueError as error:
        raise DeedError(f"'on.at': {error}") from error
    return Rule(parse_deed(data), channel, on.get("nth"), on.get("contains"), float(after), at)
