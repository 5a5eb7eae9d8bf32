"""What of the figures needs a person. Pure: what is well is not told."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from desk.health.reading import ALIVE_SECONDS, Channel, Health, Queue

REPLY_WAITS = timedelta(minutes=1)
"""An answer to a person, or what a person wrote, that stays longer is late."""
WORK_WAITS = timedelta(minutes=5)
BULK_STANDS = timedelta(minutes=10)
"""A channel that sent nothing for so long, though something may go, stands."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to see to. ``name`` is its text (``desk.health_is_…``), ``values`` what stands in it.

    ``bad``: customers are not served; else it can wait. Instants and spans among the values are told in the reader's
    way; ``channel`` is a channel's name.
    """

    name: str
    bad: bool = True
    values: Mapping[str, Any] = field(default_factory=dict)


Level = Literal["well", "note", "bad"]


def level_of(findings: Sequence[Finding]) -> Level:
    """The worst of them."""
    return "bad" if any(one.bad for one in findings) else "note" if findings else "well"


def findings_of(health: Health, now: datetime) -> Sequence[Finding]:
    """What to see to, the worst first; ``now`` is business time, in which queues are as old as they are."""
    found = [*_process(health), *_work(health, now)]
    for channel in health.channels:
        found += _channel(channel, health, now)
    return sorted(found, key=lambda one: not one.bad)


def _process(health: Health) -> Iterator[Finding]:
    if not health.alive:
        yield Finding("nobody")
    for sign in health.workers:
        if sign.age > ALIVE_SECONDS:
            yield Finding("silent", values={"host": sign.host, "time": timedelta(seconds=sign.age)})
    if health.stop is not None:
        stop = health.stop
        yield Finding("stopped", values={"who": stop.actor, "why": stop.reason, "at": stop.at})


def _work(health: Health, now: datetime) -> Iterator[Finding]:
    for name, queue, patience in (
        ("inbound_waits", health.inbound, REPLY_WAITS),
        ("journeys_wait", health.journeys, WORK_WAITS),
        ("commands_wait", health.commands, WORK_WAITS),
    ):
        if _late(queue, now, patience):
            yield Finding(name, values=_of(queue, now))
    for group in health.groups:
        yield Finding("group", values={"chat": group.account, "why": group.why, "at": group.since or now})
    for folder in health.aside:
        yield Finding("aside", bad=False, values={"folder": folder.account, "number": int(folder.why)})
    for kind, number, error in health.failing:
        yield Finding("failing", bad=False, values={"kind": kind, "number": number, "why": error})
    if health.unknown.depth:
        yield Finding("unknown", bad=False, values={"number": health.unknown.depth})
    if health.quarantined:
        values = {"number": health.quarantined, "why": health.quarantined_why}
        yield Finding("quarantined", bad=False, values=values)


def _channel(channel: Channel, health: Health, now: datetime) -> Iterator[Finding]:
    name = channel.name
    trouble = channel.troubled
    if trouble is not None:
        yield Finding(trouble.trouble, values={"channel": name, "why": trouble.why, "at": trouble.since or now})
    if channel.deaf:
        yield Finding("deaf", values={"channel": name, "why": channel.deaf})
    if not health.alive:
        return
    if not channel.standings:
        if channel.replies.depth or channel.bulk.depth:
            yield Finding("unserved", values={"channel": name, "number": channel.replies.depth + channel.bulk.depth})
    elif trouble is None and _late(channel.replies, now, REPLY_WAITS):
        yield Finding("replies_wait", values={"channel": name, **_of(channel.replies, now)})
    elif trouble is None and not channel.accepted and _late(channel.bulk, now, BULK_STANDS):
        yield Finding("stands", values={"channel": name, **_of(channel.bulk, now)})


def _late(queue: Queue, now: datetime, patience: timedelta) -> bool:
    return queue.oldest is not None and now - queue.oldest > patience


def _of(queue: Queue, now: datetime) -> dict[str, Any]:
    return {"number": queue.depth, "time": now - (queue.oldest or now)}
