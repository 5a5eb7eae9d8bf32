"""Marketing needs a consent for its purpose on this very address."""

from sqlalchemy import ColumnElement, and_, not_

from campaigns.gates.gate import Gate, SendFacts, Verdict
from core.purposes import NEEDS_CONSENT
from storage.outbox.columns import SendColumns


def stops(facts: SendFacts) -> bool:
    return facts.purpose in NEEDS_CONSENT and not facts.consented


def predicate(columns: SendColumns) -> ColumnElement[bool]:
    return and_(
        columns.message.c.purpose.in_([purpose.value for purpose in NEEDS_CONSENT]),
        not_(columns.consented),
    )


GATE = Gate("consent", Verdict.SKIP, stops, predicate)
