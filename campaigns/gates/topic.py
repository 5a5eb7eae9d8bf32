"""Whoever refused a topic hears no more of its campaigns, on any address; other marketing goes on."""

from sqlalchemy import ColumnElement, and_

from campaigns.gates.gate import Gate, PlanFacts, PlanningGate, SendFacts, Verdict
from core.purposes import NEEDS_CONSENT
from storage.outbox.columns import SendColumns


def stops(facts: SendFacts) -> bool:
    return facts.topic_refused and facts.purpose in NEEDS_CONSENT


def predicate(columns: SendColumns) -> ColumnElement[bool]:
    return and_(
        columns.message.c.purpose.in_([purpose.value for purpose in NEEDS_CONSENT]),
        columns.topic_refused,
    )


def stops_plan(facts: PlanFacts) -> bool:
    return stops(facts.send)


GATE = Gate("topic", Verdict.CANCEL, stops, predicate)
AT_PLANNING = PlanningGate("topic", Verdict.EXIT, stops_plan)
