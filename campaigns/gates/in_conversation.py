"""A campaign's flow waits for its turn: one at a time, and never into a conversation that a person of ours has."""

from sqlalchemy import ColumnElement, FromClause, and_, exists, or_, select

from campaigns.gates.gate import Gate, SendFacts, Verdict
from campaigns.gates.live_chat import TALKING
from storage.outbox.columns import SendColumns, opens_flow, table
from storage.tables import Conversation, FlowRun

_CONVERSATIONS, _RUNS = table(Conversation), table(FlowRun)


def stops(facts: SendFacts) -> bool:
    return facts.opens_flow and (facts.in_flow or facts.live_chat)


def waits_its_turn(message: FromClause) -> ColumnElement[bool]:
    """Whether an outgoing message opens a flow that cannot begin yet."""
    customer_id = message.c.customer_id
    in_flow = exists(select(_RUNS.c.id).where(_RUNS.c.customer_id == customer_id, _RUNS.c.closed_at.is_(None)))
    with_people = exists(select(_CONVERSATIONS.c.id).where(_CONVERSATIONS.c.customer_id == customer_id, TALKING))
    return and_(opens_flow(message), or_(in_flow, with_people))


def predicate(columns: SendColumns) -> ColumnElement[bool]:
    return waits_its_turn(columns.message)


GATE = Gate("in_conversation", Verdict.HOLD, stops, predicate)
