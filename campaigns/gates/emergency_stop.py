"""The emergency stop holds everything but what answers a person."""

from sqlalchemy import ColumnElement, and_

from campaigns.gates.gate import Gate, SendFacts, Verdict
from core.purposes import Purpose
from storage.outbox.columns import SendColumns

PASSES = frozenset({Purpose.CONVERSATION, Purpose.SERVICE, Purpose.STAFF})


def stops(facts: SendFacts) -> bool:
    return facts.emergency_stop and facts.purpose not in PASSES


def predicate(columns: SendColumns) -> ColumnElement[bool]:
    return and_(columns.emergency_stop, columns.message.c.purpose.not_in([purpose.value for purpose in PASSES]))


GATE = Gate("emergency_stop", Verdict.HOLD, stops, predicate)
