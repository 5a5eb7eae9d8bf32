"""A suppressed address is never written to, whatever else is true."""

from sqlalchemy import ColumnElement

from campaigns.gates.gate import Gate, SendFacts, Verdict
from storage.outbox.columns import SendColumns


def stops(facts: SendFacts) -> bool:
    return facts.suppressed


def predicate(columns: SendColumns) -> ColumnElement[bool]:
    return columns.suppressed


GATE = Gate("suppression", Verdict.SKIP, stops, predicate)
