"""While a person of ours talks with the customer, and for a rest after it, campaigns keep quiet."""

from datetime import datetime, timedelta

from sqlalchemy import BigInteger, ColumnElement, FromClause, and_, exists, literal, or_, select

from campaigns.gates.gate import Gate, SendFacts, Verdict
from core.machines.conversation import LIVE_CHAT
from core.purposes import NEEDS_CONSENT
from storage.outbox.columns import SendColumns, table
from storage.tables import Conversation

REST = timedelta(hours=24)
"""How long campaigns stay quiet after a live chat was resolved."""
_CONVERSATIONS = table(Conversation)
# a plain number: beside an instant SQLAlchemy would take it for another instant
_REST_MICROS = literal(REST // timedelta(microseconds=1), BigInteger())
TALKING = _CONVERSATIONS.c.state.in_([state.value for state in LIVE_CHAT])
"""A person of ours has the conversation, or is asked for."""
RESTS_UNTIL = _CONVERSATIONS.c.resolved_at + _REST_MICROS
TALKED = _CONVERSATIONS.c.agent != ""
"""A person of ours had the conversation: one that only the bot had is followed by no rest."""


def stops(facts: SendFacts) -> bool:
    rests = facts.quiet_until is not None and facts.now < facts.quiet_until
    return (facts.live_chat or rests) and facts.purpose in NEEDS_CONSENT


def keeps_quiet(message: FromClause, now: ColumnElement[datetime]) -> ColumnElement[bool]:
    """Whether an outgoing message has to wait for the end of a chat, or of the rest after it."""
    mine = _CONVERSATIONS.c.customer_id == message.c.customer_id
    quiet = or_(TALKING, and_(TALKED, now < RESTS_UNTIL))
    return and_(
        exists(select(_CONVERSATIONS.c.id).where(mine, quiet)),
        message.c.purpose.in_([purpose.value for purpose in NEEDS_CONSENT]),
    )


def predicate(columns: SendColumns) -> ColumnElement[bool]:
    return keeps_quiet(columns.message, columns.now)


GATE = Gate("live_chat", Verdict.HOLD, stops, predicate)
