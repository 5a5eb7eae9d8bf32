"""Wiring of the desk in Telegram: who keeps the topics of a bot's desk groups, and who hears what staff do there.

What staff write has a runner of its own: fetching their files may take a while, and holds up nothing else then.
"""

from collections.abc import Iterable
from functools import partial
from typing import Protocol

from bot.topics.hearing import STAFF_WROTE, StaffInTopics
from bot.topics.mirroring import TopicDesk
from campaigns.running.commands import CommandRunner
from channels.rates import RateGate
from channels.telegram.adapter import TelegramAdapter
from core.clock import Clock
from core.wakeup import Wakeup
from desk.canned.replies import offered
from otklik.accounts import Account
from otklik.standing import SignsOfLife
from storage.store import Store


class Works(Protocol):
    """Does what is to be done now; gives how much it was."""

    async def run_once(self) -> int: ...


def topic_desks(
    store: Store, clock: Clock, wakeup: Wakeup, accounts: Iterable[Account], rates: RateGate, signs: SignsOfLife
) -> list[Works]:
    """Who mirrors conversations into the groups, and who carries out what staff write there.

    Nobody where no group is set. ``signs`` tell of groups that refuse.
    """
    bots = [account.adapter for account in accounts if isinstance(account.adapter, TelegramAdapter)]
    mirrors = [
        TopicDesk(store, clock, bot.forum(), sorted(bot.desk_groups), partial(rates.turn, bot.account))
        for bot in bots
        if bot.desk_groups
    ]
    if not mirrors:
        return []
    signs.desks += mirrors
    staff = StaffInTopics(store, clock, wakeup, offered, {bot.account: bot for bot in bots})
    return [*mirrors, CommandRunner(store, clock, {STAFF_WROTE: staff})]
