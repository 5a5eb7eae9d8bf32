"""Whoever said "not now" hears no marketing for a while; what they were on is over."""

from sqlalchemy import ColumnElement, and_, exists, select

from campaigns.gates.gate import Gate, PlanFacts, PlanningGate, SendFacts, Verdict
from core.purposes import NEEDS_CONSENT
from storage.outbox.columns import SendColumns, table
from storage.tables import Customer

_CUSTOMERS = table(Customer)


def stops(facts: SendFacts) -> bool:
    rests = facts.not_now_until is not None and facts.now < facts.not_now_until
    return rests and facts.purpose in NEEDS_CONSENT


def predicate(columns: SendColumns) -> ColumnElement[bool]:
    mine = _CUSTOMERS.c.id == columns.message.c.customer_id
    return and_(
        columns.message.c.purpose.in_([purpose.value for purpose in NEEDS_CONSENT]),
        exists(select(_CUSTOMERS.c.id).where(mine, _CUSTOMERS.c.not_now_until > columns.now)),
    )


def stops_plan(facts: PlanFacts) -> bool:
    return stops(facts.send)


GATE = Gate("not_now", Verdict.CANCEL, stops, predicate)
AT_PLANNING = PlanningGate("not_now", Verdict.EXIT, stops_plan)
