"""Reading the comparison words (``is``, ``above``, ``between`` …) for each kind of value."""

from collections.abc import Callable, Collection, Mapping
from datetime import date
from decimal import Decimal

from campaigns.periods import Period
from campaigns.reading.fields import Fields, kind_of
from campaigns.segments.days import LONGEST_STRETCH, THIS
from campaigns.segments.syntax import Comparison, Kind, Value, Word
from core.reading.yaml import Node, Scalar, Sequence

WORDS: tuple[Word, ...] = (
    "is", "is_not", "in", "not_in", "above", "below", "at_least", "at_most", "between", "contains", "starts_with",
    "is_set", "within_next", "within_last", "this",
)  # fmt: skip
STRETCHES: tuple[Word, ...] = ("within_next", "within_last", "this")
ORDER_WORDS: tuple[Word, ...] = ("above", "below", "at_least", "at_most", "between")
COUNT_WORDS: tuple[Word, ...] = ("is", "is_not", *ORDER_WORDS)
EQUALITY_WORDS: tuple[Word, ...] = ("is", "is_not", "in", "not_in", "is_set")
_BY_KIND: Mapping[Kind, tuple[Word, ...]] = {
    "text": (*EQUALITY_WORDS, "contains", "starts_with"),
    "day": (*EQUALITY_WORDS, *ORDER_WORDS),
    "moment": ORDER_WORDS,
    "attribute": WORDS,
    "age": (*COUNT_WORDS, "is_set"),
}
BIRTHDAY_WORDS: tuple[Word, ...] = (*_BY_KIND["day"], "within_next", "this")
MAX_VALUES = 500
_LONGEST_AGE = Period(200, "y").rough


def read_comparisons(
    fields: Fields, kind: Kind, what: str, words: tuple[Word, ...] | None = None
) -> tuple[Comparison, ...]:
    """Every comparison among ``fields``; a word that ``kind`` does not have is a problem, and so is none at all."""
    allowed = words or _BY_KIND[kind]
    numbers_only = words is COUNT_WORDS or kind == "age"
    found = []
    for word in WORDS:
        node = fields.get(word)
        if node is None:
            continue
        if word not in allowed:
            fields.problem(word, f"{word!r} does not go with {what}; use one of {', '.join(allowed)}")
            continue
        values = _values(fields, word, node, kind, numbers_only)
        if values is not None:
            found.append(Comparison(word, values))
    if not found and set(fields.node.entries) <= fields.asked - set(WORDS):  # else the wrong word is the problem
        fields.problem("", f"{what} is compared with nothing; add one of {', '.join(allowed)}")
    return tuple(found)


def _values(fields: Fields, word: Word, node: Node, kind: Kind, numbers_only: bool) -> tuple[Value, ...] | None:  # noqa: FBT001
    if word == "is_set":
        return (fields.flag(word),)
    nodes: list[Node] = node.items if isinstance(node, Sequence) else [node]
    wanted: Collection[int] = (
        range(1, MAX_VALUES + 1) if word in ("in", "not_in") else (2,) if word == "between" else (1,)
    )
    if len(nodes) not in wanted or (isinstance(node, Sequence) and 2 not in wanted):
        shape = "a list of two, such as [1, 5]" if word == "between" else "one value"
        fields.problem(
            word, f"{word!r} takes {shape if word not in ('in', 'not_in') else 'a list of up to 500 values'}"
        )
        return None
    read: Callable[[Scalar], Value] = _READERS[kind]
    if word in STRETCHES:
        read = _this if word == "this" else _days
    elif numbers_only:
        read = _number
    elif kind == "attribute" and word in ("contains", "starts_with"):
        read = _text
    elif kind == "attribute" and word in ORDER_WORDS:
        read = _number_or_day
    values: list[Value] = []
    for item in nodes:
        if not isinstance(item, Scalar):
            fields.problems.add(fields.file, item.line, f"{word!r} compares with a value, not with {kind_of(item)}")
            return None
        try:
            values.append(read(item))
        except ValueError as error:
            fields.problems.add(fields.file, item.line, f"{word}: {error}")
            return None
    if word == "between" and type(values[0]) is not type(values[1]):
        fields.problem(word, "'between' takes two values of the same kind")
        return None
    return tuple(values)


def day(text: str) -> date:
    """A day such as ``2026-12-01``.

    Raises:
        ValueError: in words for people.
    """
    wrong = f"{text[:80]!r} is not a day; write one such as 2026-12-01"
    if len(text) != 10:  # fromisoformat also reads 20261201 and weeks
        raise ValueError(wrong)
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(wrong) from None


def _text(node: Scalar) -> Value:
    if isinstance(node.value, str):
        text = node.value
    elif isinstance(node.value, bool) or node.value is None or str(node.value) != node.text:
        raise ValueError(f"{node.text!r} is not a text; put it in quotes")
    else:
        text = node.text
    if not text or len(text) > 500:
        raise ValueError("compare with 1 to 500 characters, or use is_set")
    return text


def _number(node: Scalar) -> Value:
    if isinstance(node.value, bool) or not isinstance(node.value, int | float) or abs(node.value) > 10**12:
        raise ValueError(f"{node.text[:80]!r} is not a number up to 10¹²")
    number = Decimal(str(node.value))
    if number != round(number, 6):
        raise ValueError(f"{node.text!r} has more than six decimals; round it")
    return number


def _attribute(node: Scalar) -> Value:
    if isinstance(node.value, bool):
        return node.value
    return _number(node) if isinstance(node.value, int | float) else _text(node)


def _number_or_day(node: Scalar) -> Value:
    return day(node.value) if isinstance(node.value, str) else _number(node)


def _moment(node: Scalar) -> Value:
    try:
        return day(node.text)
    except ValueError:
        pass
    try:
        age = Period.parse(node.text)
    except ValueError:
        raise ValueError(f"{node.text[:80]!r} is neither a day such as 2026-12-01 nor an age such as 90d") from None
    if age.rough > _LONGEST_AGE:
        raise ValueError(f"{node.text!r} is more than 200 years")
    return age


def _days(node: Scalar) -> Value:
    period = Period.parse(node.text)
    if period.unit in ("s", "m", "h") or period.rough > LONGEST_STRETCH:
        raise ValueError(f"{node.text!r} is not a stretch of days up to a year; write one such as 7d, 2w or 1mo")
    return period


def _this(node: Scalar) -> Value:
    if node.text not in THIS:
        raise ValueError(f"{node.text[:80]!r} is not one of {', '.join(THIS)}")
    return node.text


_READERS: Mapping[Kind, Callable[[Scalar], Value]] = {
    "text": _text,
    "day": lambda node: day(node.text),
    "moment": _moment,
    "attribute": _attribute,
    "age": _number,
}

AT_LEAST_ONE = (Comparison("at_least", (Decimal(1),)),)
