"""A journey that is over sends nothing more: answered, converted, opted out, stopped."""

from sqlalchemy import ColumnElement, and_

from campaigns.gates.gate import Gate, SendFacts, Verdict
from storage.outbox.columns import SendColumns


def stops(facts: SendFacts) -> bool:
    return facts.enrolment_open is False


def predicate(columns: SendColumns) -> ColumnElement[bool]:
    return and_(columns.message.c.enrolment_id.is_not(None), columns.enrolment.c.closed_at.is_not(None))


GATE = Gate("answered", Verdict.CANCEL, stops, predicate)
