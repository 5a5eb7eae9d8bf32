"""What a window and its server say to each other: JSON objects, one a WebSocket message, each with a ``type``. Pure.

From the window: ``hello`` (first, once), ``say``, ``press``, ``email``, ``got``, ``seen``, ``older``. To it:
``welcome``, ``line``, ``stored``, ``refused``, ``older``. A line is acknowledged by ``stored`` once it is durable; the
window keeps it and says it again, under the same key, until then.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from core.chat import ChatLine
from core.ids import ID_LENGTH
from core.text import clipped

MAX_FRAME = 32_768
"""Bytes of one WebSocket message from a window."""
MAX_TEXT = 4000
"""Characters of one line; the window does not let anyone write more."""
_KEY = re.compile(r"[A-Za-z0-9-]{8,64}")
_ID = re.compile(rf"[0-9a-v]{{{ID_LENGTH}}}")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,31}(/[A-Za-z0-9_+-]{1,31}){0,2}")
_LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")


class Unreadable(Exception):
    """A frame that no window of ours sends; its text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Hello:
    """Who opens a window. ``customer`` is the shop's own number for them, empty unless the shop's server signed it.

    ``zone`` is the IANA zone that their browser names, if it has the form of one.
    """

    token: str = ""
    locale: str = ""
    name: str = ""
    customer: str = ""
    zone: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """A line of the visitor; ``button`` is the value of the one that they pressed, ``email`` an address they leave."""

    key: str
    text: str = ""
    button: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class Reached:
    """Our lines up to ``up_to`` are in the window, or were seen there."""

    up_to: str
    seen: bool


@dataclass(frozen=True, slots=True)
class Older:
    """The window asks for what was said before a line."""

    before: str


Frame = Hello | Said | Reached | Older


def read(data: str | bytes, identity_secret: str = "") -> Frame:
    """A window's frame.

    Raises:
        Unreadable: too long, not JSON, of no known type, or a field that is missing or wrong.
    """
    if len(data) > MAX_FRAME:
        raise Unreadable("a frame is too long")
    try:
        frame = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise Unreadable("a frame is not JSON") from None
    if not isinstance(frame, dict):
        raise Unreadable("a frame is no object")
    match frame.get("type"):
        case "hello":
            return _hello(frame, identity_secret)
        case "say":
            return Said(_key(frame), text=_filled(frame, "text"))
        case "press":
            return Said(_key(frame), text=_filled(frame, "text"), button=_filled(frame, "value"))
        case "email":
            return Said(_key(frame), email=_filled(frame, "email"))
        case "got" | "seen" as kind:
            return Reached(_line_id(frame, "up_to"), seen=kind == "seen")
        case "older":
            return Older(_line_id(frame, "before"))
    raise Unreadable("a frame has no type that we know")


def _hello(frame: Mapping[str, Any], identity_secret: str) -> Hello:
    locale, customer, proof, zone = (_text(frame, name, 200) for name in ("locale", "customer", "proof", "zone"))
    proven = bool(identity_secret and customer) and hmac.compare_digest(
        proof.lower().encode(), identity_proof(identity_secret, customer).encode()
    )
    return Hello(
        token=_text(frame, "token", 64),
        locale=locale if _LOCALE.fullmatch(locale) else "",
        name=clipped(_text(frame, "name", 200), 120),
        customer=customer if proven else "",
        zone=zone if _ZONE.fullmatch(zone) else "",
    )


def identity_proof(secret: str, customer: str) -> str:
    """What the shop's server puts beside a logged-in customer's number: HMAC-SHA256 (RFC 2104), in hex."""
    return hmac.new(secret.encode(), customer.encode(), hashlib.sha256).hexdigest()


def _text(frame: Mapping[str, Any], name: str, longest: int) -> str:
    value = frame.get(name) or ""
    if not isinstance(value, str) or len(value) > longest:
        raise Unreadable(f"{name} is no text of at most {longest} characters")
    return value


def _filled(frame: Mapping[str, Any], name: str) -> str:
    value = _text(frame, name, MAX_TEXT).strip()
    if not value:
        raise Unreadable(f"{name} is empty")
    return value


def _key(frame: Mapping[str, Any]) -> str:
    key = _text(frame, "key", 64)
    if not _KEY.fullmatch(key):
        raise Unreadable("key is no name of a line")
    return key


def _line_id(frame: Mapping[str, Any], name: str) -> str:
    value = _text(frame, name, ID_LENGTH)
    if not _ID.fullmatch(value):
        raise Unreadable(f"{name} is no line")
    return value


def line(said: ChatLine) -> dict[str, Any]:
    """A line as the window shows it; it stands in the place of the line ``replaces``, where it names one."""
    return {
        "id": said.id,
        "from": "visitor" if said.direction == "in" else "shop",
        "key": said.key,
        "text": said.text,
        "spans": list(said.content.get("spans", ())),
        "buttons": list(said.content.get("buttons", ())),
        "replaces": str(said.content.get("replaces", "")),
        "at": said.at.isoformat(timespec="seconds"),
        "seen": said.seen,
    }


def welcome(token: str, lines: Sequence[ChatLine], *, more: bool, words: Mapping[str, str], ask_email: bool) -> bytes:
    """The first answer: the visitor's token for the next time, the latest lines, the window's words."""
    return _written(
        "welcome", token=token, lines=[line(one) for one in lines], more=more, words=dict(words), ask_email=ask_email
    )


def new_line(said: ChatLine) -> bytes:
    """A line that has just come."""
    return _written("line", line=line(said))


def stored(key: str, said: ChatLine | None) -> bytes:
    """The visitor's line ``key`` is durable; it stands in the window as ``said``."""
    return _written("stored", key=key, line=line(said) if said is not None else None)


def refused(key: str, why: Literal["too_fast", "crowded", "unavailable", "unreadable", "bad_email"]) -> bytes:
    """The visitor's line ``key`` was not taken; all but the last two may be said again later."""
    return _written("refused", key=key, why=why)


def older(lines: Sequence[ChatLine], *, more: bool) -> bytes:
    """What was said before."""
    return _written("older", lines=[line(one) for one in lines], more=more)


def _written(kind: str, **fields: Any) -> bytes:
    return orjson.dumps({"type": kind, **fields})
