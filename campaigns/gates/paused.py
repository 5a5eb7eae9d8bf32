"""A paused campaign stands still; a stopped one sends nothing more."""

from sqlalchemy import ColumnElement, and_

from campaigns.gates.gate import Gate, SendFacts, Verdict
from core.machines.campaign import CampaignState
from storage.outbox.columns import SendColumns

RUNNING = frozenset({CampaignState.ACTIVE, CampaignState.ENDED})
"""An ended campaign enrols nobody; those in flight finish their journey."""


def stops(facts: SendFacts) -> bool:
    return facts.campaign_state is not None and facts.campaign_state not in RUNNING


def predicate(columns: SendColumns) -> ColumnElement[bool]:
    return and_(
        columns.message.c.campaign_id.is_not(None),
        columns.campaign.c.state.not_in([state.value for state in RUNNING]),
    )


GATE = Gate("paused", Verdict.HOLD, stops, predicate)
