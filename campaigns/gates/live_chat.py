"""While a person of ours talks with the customer, campaigns keep quiet."""

from sqlalchemy import ColumnElement, and_

from campaigns.gates.gate import Gate, SendFacts, Verdict
from core.purposes import NEEDS_CONSENT
from storage.outbox.columns import SendColumns


def stops(facts: SendFacts) -> bool:
    return facts.live_chat and facts.purpose in NEEDS_CONSENT


def predicate(columns: SendColumns) -> ColumnElement[bool]:
    return and_(
        columns.live_chat,
        columns.message.c.purpose.in_([purpose.value for purpose in NEEDS_CONSENT]),
    )


GATE = Gate("live_chat", Verdict.HOLD, stops, predicate)
