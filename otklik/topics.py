"""Wiring of the desk in Telegram: who keeps the topics of a bot's desk groups, and who hears what staff write there."""

from collections.abc import Iterable
from functools import partial

from bot.topics.hearing import StaffInTopics
from bot.topics.mirroring import TopicDesk
from channels.rates import RateGate
from channels.telegram.adapter import TelegramAdapter
from core.clock import Clock
from core.wakeup import Wakeup
from desk.canned.replies import offered
from otklik.accounts import Account
from storage.store import Store


def topic_desks(store: Store, clock: Clock, accounts: Iterable[Account], rates: RateGate) -> list[TopicDesk]:
    """Who mirrors conversations into the groups; nobody where no group is set."""
    bots = [account.adapter for account in accounts if isinstance(account.adapter, TelegramAdapter)]
    return [
        TopicDesk(store, clock, bot.forum(), sorted(bot.desk_groups), partial(rates.turn, bot.account))
        for bot in bots
        if bot.desk_groups
    ]


def staff_in_topics(store: Store, clock: Clock, wakeup: Wakeup) -> StaffInTopics:
    """Who carries out what staff write in topics."""
    return StaffInTopics(store, clock, wakeup, offered)
