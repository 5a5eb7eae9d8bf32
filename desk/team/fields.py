"""What an admin fills in about an agent: from a form's fields to columns, every mistake said at once."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import time
from typing import Any

from campaigns.periods import zone_named
from core.agents import Role
from core.catalogue import LANGUAGES

MOST_CHATS = 100
WEEKDAYS = tuple(range(7))
_LANGUAGE = re.compile(r"[a-z]{2}")
_TELEGRAM = re.compile(r"[1-9][0-9]{0,19}")
_MOST_LANGUAGES = 20


@dataclass(frozen=True, slots=True)
class Filled:
    """The columns to set, and the names of the fields that cannot be taken (texts ``desk.team_wrong_<field>``)."""

    columns: Mapping[str, Any]
    wrong: Sequence[str] = field(default=())


def filled(form: Mapping[str, str], queues: Sequence[str]) -> Filled:
    """Read a form. ``queues`` are the chosen ones. Weekday ``n`` is in ``from_n`` and ``to_n``; both empty: free."""
    wrong: list[str] = []
    name = form.get("name", "").strip()
    if not 1 <= len(name) <= 100:
        wrong.append("name")
    role = form.get("role", "")
    if role not in set(Role):
        wrong.append("role")
    languages = [word.casefold() for word in re.split(r"[\s,،;]+", form.get("languages", "")) if word]
    if len(languages) > _MOST_LANGUAGES or not all(_LANGUAGE.fullmatch(word) for word in languages):
        wrong.append("languages")
    capacity = form.get("capacity", "").strip()
    if not capacity.isdecimal() or len(capacity) > 4 or not 1 <= int(capacity) <= MOST_CHATS:
        wrong.append("capacity")
    telegram = form.get("telegram", "").strip()
    if telegram and not _TELEGRAM.fullmatch(telegram):
        wrong.append("telegram")
    if not is_locale(form.get("locale", "")):
        wrong.append("locale")
    if not is_zone(form.get("zone", "").strip()):
        wrong.append("zone")
    shift = _shift(form)
    if shift is None:
        wrong.append("shift")
    if wrong:
        return Filled({}, tuple(wrong))
    return Filled(
        {
            "name": name, "role": Role(role), "languages": list(dict.fromkeys(languages)),
            "skills": sorted(set(queues)), "capacity": int(capacity), "telegram": telegram or None,
            "locale": form["locale"], "zone": form.get("zone", "").strip(), "shift": shift,
        }
    )  # fmt: skip


def is_locale(text: str) -> bool:
    """Whether the desk speaks it."""
    return text in LANGUAGES


def is_zone(text: str) -> bool:
    """Whether it is a time zone, or empty: the organisation's."""
    try:
        return not text or bool(zone_named(text))
    except ValueError:
        return False


def _shift(form: Mapping[str, str]) -> dict[str, list[str]] | None:
    """From weekday to [from, to]; None where a day is half filled, no time, or as long as none."""
    found = {}
    for day in WEEKDAYS:
        ends = [form.get(f"{end}_{day}", "").strip() for end in ("from", "to")]
        if not any(ends):
            continue
        try:
            opens, closes = (f"{time.fromisoformat(text):%H:%M}" for text in ends)
        except ValueError:
            return None
        if opens == closes:
            return None
        found[str(day)] = [opens, closes]
    return found
