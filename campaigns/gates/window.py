"""A message leaves inside the window that was computed for it at planning: sending hours, then patience."""

from sqlalchemy import ColumnElement, and_, or_

from campaigns.gates.gate import Gate, SendFacts, Verdict
from storage.outbox.columns import SendColumns


def stops(facts: SendFacts) -> bool:
    too_early = facts.not_before is not None and facts.now < facts.not_before
    too_late = facts.not_after is not None and facts.now >= facts.not_after
    return too_early or too_late


def predicate(columns: SendColumns) -> ColumnElement[bool]:
    message = columns.message.c
    return or_(
        and_(message.not_before.is_not(None), columns.now < message.not_before),
        and_(message.not_after.is_not(None), columns.now >= message.not_after),
    )


GATE = Gate("window", Verdict.DEFER, stops, predicate)
