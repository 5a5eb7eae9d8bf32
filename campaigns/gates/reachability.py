"""An address that is known not to work is not tried again: blocked bot, dead mailbox, bad number."""

from sqlalchemy import ColumnElement, not_

from campaigns.gates.gate import Gate, SendFacts, Verdict
from storage.outbox.columns import SendColumns


def stops(facts: SendFacts) -> bool:
    return not facts.reachable


def predicate(columns: SendColumns) -> ColumnElement[bool]:
    return not_(columns.identity.c.reachable)


GATE = Gate("reachability", Verdict.SKIP, stops, predicate)
