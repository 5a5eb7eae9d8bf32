"""The sequence engine: what a journey does next. Pure; see :mod:`campaigns.engine.deciding`."""

from campaigns.engine.deciding import MAIN, OTHERWISE, decide
from campaigns.engine.doing import FLOW, HANDOFF, WEBHOOK, do
from campaigns.engine.effects import (
    ChangeCustomer,
    Command,
    CreateTask,
    Decision,
    Effect,
    Follow,
    GrantOffer,
    Note,
    RecordEvent,
    Reschedule,
    SendMessage,
    SkipMessage,
    TakeQuota,
)
from campaigns.engine.journey import (
    ChannelHistory,
    Facts,
    GrantFacts,
    IdentityFacts,
    Journey,
    MessageFacts,
    Price,
    PriceOf,
    Sent,
)
from campaigns.engine.waiting import Standstill

__all__ = [
    "FLOW",
    "HANDOFF",
    "MAIN",
    "OTHERWISE",
    "WEBHOOK",
    "ChangeCustomer",
    "ChannelHistory",
    "Command",
    "CreateTask",
    "Decision",
    "Effect",
    "Facts",
    "Follow",
    "GrantFacts",
    "GrantOffer",
    "IdentityFacts",
    "Journey",
    "MessageFacts",
    "Note",
    "Price",
    "PriceOf",
    "RecordEvent",
    "Reschedule",
    "SendMessage",
    "Sent",
    "SkipMessage",
    "Standstill",
    "TakeQuota",
    "decide",
    "do",
]
