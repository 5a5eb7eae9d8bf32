"""A storm of messages against groups that take twenty a minute, in virtual time: the budget holds, nothing is lost."""

from collections import Counter
from collections.abc import Sequence
from functools import partial

import pytest

from bot.topics.keeping import group_of
from bot.topics.mirroring import TopicDesk
from channels.rates import LocalSlots, RateGate
from channels.telegram.adapter import TelegramAdapter, TelegramSettings
from core.errors import TransientFailure
from core.ids import new_id
from core.messages import Attachment, Span
from sandbox.telegram.limits import GROUP_MESSAGES, GROUP_SECONDS, Limits
from tests.bot.topics.stage import GROUP, Group, Staffed

GROUPS = (GROUP, "-1002000000000")
CHATS, SECONDS = 6, 80


class LimitedGroup(Group):
    """Groups that count as Telegram does; ``scale`` below 1 is a Telegram that takes less than it says."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.time = 0.0
        self.limits = Limits(scale, now=lambda: self.time)
        self.taken: dict[str, list[float]] = {chat: [] for chat in GROUPS}
        self.refused_calls = 0

    async def create(self, chat: str, name: str) -> int:
        self._count(chat)
        return await super().create(chat, name)

    async def say(self, chat: str, thread: int, text: str, spans: Sequence[Span] = ()) -> None:
        self._count(chat)
        await super().say(chat, thread, text, spans)

    async def send(self, chat: str, thread: int, file: Attachment) -> None:
        self._count(chat)
        await super().send(chat, thread, file)

    def _count(self, chat: str) -> None:
        wait = self.limits.take_in_group(int(chat))
        if wait is not None:
            self.refused_calls += 1
            raise TransientFailure("Too Many Requests", retry_after=float(wait))
        self.taken[chat].append(self.time)


def id_in(group: str) -> str:
    """A conversation's id that falls to the group: by itself that is luck, and six fall to one now and then."""
    return next(id_ for id_ in iter(new_id, "") if group_of(id_, GROUPS) == group)


async def storm(staffed: Staffed, group: LimitedGroup) -> list[str]:
    """Customers write every second for minutes, the desk looks as often; then it catches up. Gives what was said."""

    async def passing(seconds: float) -> None:
        group.time += seconds

    bot = TelegramAdapter(TelegramSettings("bot", "100001:abc", desk_groups=frozenset(GROUPS)))
    gate = RateGate(
        {"bot": bot.capabilities}, slots=LocalSlots(lambda: group.time), now=lambda: group.time, sleep=passing
    )
    store, clock = staffed.desk.store, staffed.desk.clock
    desk = TopicDesk(store, clock, group, GROUPS, partial(gate.turn, "bot"), now=lambda: group.time)
    chats = [await staffed.desk.waiting(id_=id_in(GROUPS[number % len(GROUPS)])) for number in range(CHATS)]
    lines = []
    for second in range(SECONDS):
        lines.append(f"line {second:03} of the storm")
        await staffed.customer_writes(chats[second * second % CHATS], lines[-1])
        await desk.run_once()
        group.time += 1
    deadline = group.time + 600
    while (Counter(_said(group)) != Counter(lines) or len(group.topics) < CHATS) and group.time < deadline:
        await desk.run_once()
        group.time += 1
    return lines


def _said(group: LimitedGroup) -> list[str]:
    return [row for thread in group.topics for row in group.text(thread).splitlines() if row.endswith(" of the storm")]


@pytest.mark.parametrize("scale", [1.0, 0.5])
async def test_a_storm_stays_under_the_budget_and_nothing_is_lost(staffed: Staffed, scale: float) -> None:
    group = LimitedGroup(scale)
    lines = await storm(staffed, group)
    assert Counter(_said(group)) == Counter(lines)
    assert len(group.topics) == CHATS
    assert set(group.chats.values()) == set(GROUPS)  # both have their part
    calls = sum(map(len, group.taken.values()))
    assert calls < len(lines) + CHATS  # what came meanwhile went together
    if scale == 1.0:
        assert group.refused_calls == 0  # we keep to the rate ourselves, and are never told to
    for taken in group.taken.values():
        assert all(b - a >= GROUP_SECONDS for a, b in zip(taken, taken[GROUP_MESSAGES:], strict=False))
