"""From what a customer wrote to an answer of the type that was asked for. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from bot.flows.days import day_in
from bot.flows.definition import AskStep, Choice
from core.addresses import email_address, phone_number
from core.text import folded, latin_digits

_NUMBER_OF_CHOICE = re.compile(r"[(#№]?\s*([0-9]{1,2})\s*[.)]?")
_NUMBER = re.compile(r"[-+−]?\d[\d\s.,٬٫'’]*")
_SEPARATORS = re.compile(r"[\s'’٬]")
_COORDINATES = re.compile(r"(-?\d{1,2}\.\d+)\s*[,; ]\s*(-?\d{1,3}\.\d+)")
_EMAIL = re.compile(r"[^\s<>,;]+@[^\s<>,;]+\.[^\s<>,;]+")
_EDGES = ".!?…,;:؟،؛\"'«»“” "
MOST_NUMBER = Decimal(10) ** 15


@dataclass(frozen=True, slots=True)
class Heard:
    """What came from the customer. ``button`` is what a press stands for; ``phone`` is proven by the messenger.

    ``files`` are plain data: name, media_type, blob.
    """

    text: str = ""
    button: str = ""
    phone: str = ""
    files: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Reader:
    """Who answers: the locale decides how dates are read, the country how phone numbers are."""

    locale: str
    country: str
    today: date


@dataclass(frozen=True, slots=True)
class Understood:
    """An answer: ``value`` is plain data (days are ISO), ``choice`` the one that was taken."""

    value: Any
    choice: Choice | None = None


def button_value(flow: str, step: str, choice: str) -> str:
    """What the button of a choice sends back: it names its question, so that an old one is known as such."""
    return f"{flow}/{step}/{choice}"


def is_of_flow(button: str, flow: str) -> bool:
    """Whether a button belongs to one of the flow's questions."""
    return button.startswith(f"{flow}/")


def understood(flow: str, step: AskStep, heard: Heard, reader: Reader) -> Understood | None:
    """The answer to ``step``, or None where there is none in what was heard."""
    if step.choices and not (step.type == "number" and number_in(heard.text) is not None):
        choice = _choice(flow, step, heard)
        if choice is not None or step.type == "choice":
            return None if choice is None else Understood(_plain(step, choice), choice)
    value = _READERS[step.type](step, heard, reader)
    return None if value is None else Understood(value, _quick(step, value))


def _quick(step: AskStep, value: Any) -> Choice | None:
    """The choice that was typed out: a score among buttons."""
    return next((one for one in step.choices if one.value == str(value)), None)


def _plain(step: AskStep, choice: Choice) -> str | int:
    number = step.type == "number" and choice.value.isdecimal()
    return int(choice.value) if number else choice.value


def _choice(flow: str, step: AskStep, heard: Heard) -> Choice | None:
    """By its button, its number, its words in any language, or what it stands for."""
    for one in step.choices:
        if heard.button in (button_value(flow, step.id, one.value), one.value):
            return one
    said = folded(heard.text[:200])
    number = _NUMBER_OF_CHOICE.fullmatch(said)
    if number is not None and step.type == "choice":
        place = int(number[1])
        return step.choices[place - 1] if 0 < place <= len(step.choices) else None
    bare = said.strip(_EDGES)
    for one in step.choices:
        if bare and bare in {folded(label).strip(_EDGES) for label in (*one.label.values(), one.value)}:
            return one
    return None


def _text(step: AskStep, heard: Heard, _reader: Reader) -> str | None:
    text = heard.text.strip()
    limits = step.limits
    if not text or not limits.shortest <= len(text) <= limits.longest:
        return None
    return text if not limits.like else fitted(text, limits.like)


def fitted(text: str, mask: str) -> str | None:
    """``text`` in the form of ``mask`` (A: a letter, 9: a digit), whatever its case, digits and spaces; or None."""
    said = latin_digits(text).upper()
    if "-" not in mask:
        said = said.replace("-", "")
    wanted = mask.replace(" ", "")
    said = said.replace(" ", "")
    signs = [sign for sign in wanted if sign not in "A9"]
    if len(said) == len(wanted) - len(signs):  # without the dashes between
        left = iter(said)
        said = "".join(sign if sign not in "A9" else next(left) for sign in wanted)
    if len(said) != len(wanted) or not all(_fits(have, sign) for have, sign in zip(said, wanted, strict=True)):
        return None
    return said


def _fits(have: str, sign: str) -> bool:
    if sign == "A":
        return have.isalpha()
    return have.isdigit() if sign == "9" else have == sign.upper()


def _number(step: AskStep, heard: Heard, _reader: Reader) -> int | float | None:
    number = number_in(heard.text)
    limits = step.limits
    if (
        number is None
        or (limits.least is not None and number < Decimal(str(limits.least)))
        or (limits.most is not None and number > Decimal(str(limits.most)))
    ):
        return None
    return int(number) if number == number.to_integral_value() else float(number)


def number_in(text: str) -> Decimal | None:
    """The one number that ``text`` is, with separators as people write them, or None."""
    said = latin_digits(text.strip()[:60]).strip(_EDGES).replace("−", "-")
    if not _NUMBER.fullmatch(said):
        return None
    bare = _SEPARATORS.sub("", said).replace("٫", ".")
    if "," in bare and "." in bare:  # the last one of them is the decimal sign
        group = "," if bare.rfind(",") < bare.rfind(".") else "."
        bare = bare.replace(group, "").replace(",", ".")
    elif "," in bare:
        parts = bare.split(",")
        is_grouped = all(len(part) == 3 for part in parts[1:]) and 0 < len(parts[0].lstrip("+-")) <= 3
        bare = "".join(parts) if is_grouped else bare.replace(",", ".")
    try:
        number = Decimal(bare)
    except InvalidOperation:
        return None
    return number if abs(number) < MOST_NUMBER else None


def _date(step: AskStep, heard: Heard, reader: Reader) -> str | None:
    first, last = limit_day(step.limits.first, reader.today), limit_day(step.limits.last, reader.today)
    past = last is not None and last <= reader.today
    found = day_in(heard.text, today=reader.today, locale=reader.locale, past=past)
    if found is None or (first is not None and found < first) or (last is not None and found > last):
        return None
    return found.isoformat()


def limit_day(written: str, today: date) -> date | None:
    """The day that a limit names: ISO, ``today`` or ``today+30d``; None where there is no limit.

    Raises:
        ValueError: if it is none of them.
    """
    if not written:
        return None
    if written.startswith("today"):
        match = re.fullmatch(r"today(?:\s*([+-])\s*(\d{1,4})d)?", written)
        if match is None:
            raise ValueError(f"{written!r} is no day; write one such as 2026-12-01, today or today+30d")
        days = int(match[2] or 0)
        return today + timedelta(days=-days if match[1] == "-" else days)
    return date.fromisoformat(written)


def _phone(_step: AskStep, heard: Heard, reader: Reader) -> str | None:
    if heard.phone:
        return heard.phone
    try:
        return phone_number(heard.text[:60], reader.country)
    except ValueError:
        return None


def _email(_step: AskStep, heard: Heard, _reader: Reader) -> str | None:
    found = _EMAIL.findall(heard.text[:500])
    try:
        return email_address(found[0].strip(_EDGES)) if len(found) == 1 else None
    except ValueError:
        return None


def _location(step: AskStep, heard: Heard, reader: Reader) -> str | None:
    """Coordinates as ``latitude,longitude``; an address in words as it was written."""
    text = heard.text.strip()
    place = _COORDINATES.search(latin_digits(text))
    if place is not None and abs(float(place[1])) <= 90 and abs(float(place[2])) <= 180:
        return f"{place[1]},{place[2]}"
    return _text(step, heard, reader) if len(text) >= 3 else None


def _file(_step: AskStep, heard: Heard, _reader: Reader) -> Any:
    return dict(heard.files[0]) if heard.files else None


_READERS = {
    "text": _text, "choice": _text, "number": _number, "date": _date, "phone": _phone, "email": _email,
    "location": _location, "file": _file,
}  # fmt: skip
