"""``staff:`` and ``desk:`` of ``otklik.yaml``: who answers and when, and how customers are handed to them.

``staff:``

- ``agents``: how many people answer; ``0`` says that nobody does. With ``answers_per_hour`` each: what a pace that is a
  share of them, and the preview, reckon with.
- ``hours``, ``weekdays``, ``holidays``: when they work, in the workspace's zone. Promises of queues count this time.
- ``reply_rate``: the share of messages that is expected to be answered, before there are any to count.

``desk:``

- ``queues``: by name ``answer`` (until a first answer, in working time), ``resolve`` and ``priority`` (low, normal,
  high, urgent); ``main`` is where a customer waits when nobody said where.
- ``assignment``: ``least_busy``, ``round_robin``, or ``manual``: agents take chats themselves.
- ``sticky``: who comes back within it gets the agent they had.
- ``patience`` and ``nobody``: after so long without anybody online they go on waiting (``wait``), or the bot takes over
  again (``bot``).
- ``reopen``: who writes so soon after the end comes back to people instead of the bot.
- ``close_after``, ``reopen_within``: a conversation of the bot's alone is over after so long without a word; who writes
  within the second goes on in the same conversation, later in a new one.
- ``vip``: a segment whose customers go first, and ask for a person by writing at all.
- ``human``, ``angry``: words that ask for a person, beside the built-in ones; ``angry`` by language stands instead of
  that language's built-in ones.
- ``rating``: the flow that asks afterwards how it was, or ``off``; ``rating_every``: each customer once in so long.
- ``alerts``: whether agents hear in their own Telegram of broken promises and urgent chats.
"""

from collections.abc import Callable, Collection
from datetime import date
from typing import TypeVar

from campaigns.definition import Staff
from campaigns.definition.desk import RATING_FLOW, Desk, Queue
from campaigns.reading.fields import Fields
from campaigns.reading.names import name
from campaigns.workspace.locales import locale_code
from campaigns.workspace.policies import count, read_hours
from campaigns.workspace.values import day, share, weekday
from core.reading.problems import Problems, did_you_mean
from core.reading.yaml import Mapping, Node

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
        human=_plain(desk.words("human")),
        angry=_signs(desk, "angry"),
        rating=desk.parsed("rating", _rating, default.rating),
        rating_every=desk.period("rating_every") or default.rating_every,
        close_after=desk.period("close_after") or default.close_after,
        reopen_within=desk.period("reopen_within") or default.reopen_within,
        alerts=desk.flag("alerts", default=default.alerts),
    )
    desk.finish()
    return made


def _rating(text: str) -> str:
    """The flow, or none: YAML reads *off* and *no* as it likes, people mean the same."""
    said = text.strip().casefold()
    if said in ("off", "no", "false"):
        return ""
    return RATING_FLOW if said in ("on", "yes", "true") else name(text)


def _signs(desk: Fields, key: str) -> dict[str, frozenset[str]]:
    """Words beside the built-in ones, or by language instead of them."""
    node = desk.get(key)
    if not isinstance(node, Mapping):
        return {"": _plain(desk.words(key))} if node is not None else {}
    inner = desk.mapping(key)
    assert inner is not None  # noqa: S101  it is a mapping
    found = {}
    for language in node.entries:
        try:
            found[locale_code(language).partition("-")[0]] = _plain(inner.words(language))
        except ValueError as error:
            inner.problem(language, f"{key}: {error}")
    return found


def _plain(words: Collection[str] | None) -> frozenset[str]:
    return frozenset(word.strip().casefold() for word in words or ())


def check_desk(desk: Desk, written: Node | None, file: str, segments: Collection[str], problems: Problems) -> None:
    """Note at its line a segment that does not exist. ``written`` is the whole of ``otklik.yaml``."""
    if not desk.vip or desk.vip in segments:
        return
    part = written.entries.get("desk") if isinstance(written, Mapping) else None
    at = part.entries.get("vip") if isinstance(part, Mapping) else None
    hint = did_you_mean(desk.vip, segments) or "; define it in segments.yaml"
    problems.add(file, at.line if at is not None else 0, f"vip: there is no segment {desk.vip!r}{hint}")


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
