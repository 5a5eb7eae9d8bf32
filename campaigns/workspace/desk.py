"""``staff:`` and ``desk:`` of ``otklik.yaml``: who answers and when, and how customers are handed to them."""

from collections.abc import Callable
from datetime import date
from typing import TypeVar

from campaigns.definition import Staff
from campaigns.definition.desk import Desk, Queue
from campaigns.reading.fields import Fields
from campaigns.reading.names import name
from campaigns.workspace.policies import count, read_hours
from campaigns.workspace.values import day, share, weekday

T = TypeVar("T", int, date)

PRIORITIES = ("low", "normal", "high", "urgent")
ASSIGNMENTS = ("least_busy", "round_robin", "manual")


def read_staff(fields: Fields) -> Staff:
    """Who answers, and when."""
    staff = fields.mapping("staff")
    default = Staff()
    if staff is None:
        return default
    made = Staff(
        agents=staff.parsed("agents", _agents, default.agents),
        answers_per_hour=staff.parsed("answers_per_hour", count, default.answers_per_hour),
        hours=read_hours(staff, "hours", default.hours),
        weekdays=_listed(staff, "weekdays", weekday) or default.weekdays,
        holidays=_listed(staff, "holidays", day),
        reply_rate=staff.parsed("reply_rate", share, default.reply_rate),
    )
    staff.finish()
    return made


def _agents(text: str) -> int:
    return 0 if text == "0" else count(text)


def _listed(fields: Fields, key: str, parse: Callable[[str], T]) -> tuple[T, ...]:
    found: set[T] = set()
    for word in fields.words(key) or ():
        try:
            found.add(parse(word))
        except ValueError as error:
            fields.problem(key, f"{key}: {error}")
    return tuple(sorted(found))


def read_desk(fields: Fields) -> Desk:
    """How customers are handed to people."""
    desk = fields.mapping("desk")
    default = Desk()
    if desk is None:
        return default
    made = Desk(
        queues=_queues(desk),
        assignment=desk.choice("assignment", ASSIGNMENTS, default.assignment),
        sticky=desk.period("sticky") or default.sticky,
        patience=desk.period("patience") or default.patience,
        nobody="wait" if desk.choice("nobody", ("bot", "wait"), default.nobody) == "wait" else "bot",
        reopen=desk.period("reopen") or default.reopen,
        vip=desk.parsed("vip", name, ""),
        human=frozenset(word.strip().casefold() for word in desk.words("human") or ()),
        angry=frozenset(word.strip().casefold() for word in desk.words("angry") or ()),
        rating=desk.flag("rating", default=default.rating),
    )
    desk.finish()
    return made


def _queues(desk: Fields) -> dict[str, Queue]:
    listed = desk.mapping("queues")
    found: dict[str, Queue] = {}
    for title in listed.node.entries if listed else ():
        assert listed is not None  # noqa: S101  it has entries
        try:
            name(title)
        except ValueError as error:
            listed.problem(title, f"queues: {error}")
            continue
        inner = listed.mapping(title)
        if inner is None:
            found[title] = Queue()
            continue
        default = Queue()
        found[title] = Queue(
            answer=inner.period("answer") or default.answer,
            resolve=inner.period("resolve") or default.resolve,
            priority=PRIORITIES.index(inner.choice("priority", PRIORITIES, "normal")),
        )
        inner.finish()
    return found
