"""Each gate says the same in Python and in SQL: held against each other over random messages, on both databases."""

import random
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from campaigns.gates import DISPATCH_GATES, SendFacts, Verdict, first_stop
from core.ids import new_id
from core.machines.campaign import CampaignState
from core.machines.conversation import LIVE_CHAT, ConversationState
from core.machines.enrolment import EnrolmentState
from core.purposes import Purpose
from storage.outbox.columns import EMERGENCY_STOP, send_columns, table
from storage.store import Store
from storage.tables import (
    Campaign,
    CampaignVersion,
    Consent,
    Conversation,
    Customer,
    Enrolment,
    Identity,
    Message,
    Setting,
    Suppression,
)
from tests.conftest import NOW

MESSAGES = 400
Rows = dict[Any, list[dict[str, Any]]]


def _add(rows: Rows, model: Any, **values: Any) -> Any:
    made = model(**values)
    rows.setdefault(model, []).append(made.model_dump())
    return made


def _any_message(chance: random.Random, rows: Rows, *, emergency: bool) -> tuple[str, SendFacts]:
    """One message with everything around it, and the same as facts."""
    customer = _add(rows, Customer, created_at=NOW, updated_at=NOW)
    key = new_id()
    reachable = chance.random() < 0.7
    identity = _add(
        rows, Identity, customer_id=customer.id, channel="email", address=f"{key}@example.org", key=key,
        reachable=reachable, created_at=NOW,
    )  # fmt: skip
    purpose = chance.choice(list(Purpose))
    consents = {p: chance.random() < 0.6 for p in chance.sample(list(Purpose), 2)}
    for consented_to, granted in consents.items():
        _add(rows, Consent, identity_id=identity.id, purpose=consented_to.value, granted=granted, at=NOW)
    suppressed_for = chance.choice(["", "", "*", purpose.value, chance.choice(list(Purpose)).value])
    if suppressed_for:
        _add(rows, Suppression, key=key, purpose=suppressed_for, at=NOW)
    talk = chance.choice([None, None, *ConversationState])
    if talk:
        _add(rows, Conversation, customer_id=customer.id, channel="email", state=talk, opened_at=NOW, last_at=NOW)
    campaign = enrolment = None
    if chance.random() < 0.7:
        state = chance.choice(list(CampaignState))
        campaign = _add(rows, Campaign, name=new_id(), state=state, version="v", created_at=NOW, updated_at=NOW)
        _add(rows, CampaignVersion, hash=campaign.id, campaign_id=campaign.id, body={}, created_at=NOW)
        closed = NOW if chance.random() < 0.3 else None
        enrolment = _add(
            rows, Enrolment, campaign_id=campaign.id, customer_id=customer.id, version=campaign.id, entered_at=NOW,
            state=EnrolmentState.ANSWERED if closed else EnrolmentState.WAITING, closed_at=closed,
        )  # fmt: skip
    around = [None, *(NOW + timedelta(minutes=minutes) for minutes in (-1, 0, 1))]
    opens, closes = chance.choice(around), chance.choice(around)
    message = _add(
        rows, Message, customer_id=customer.id, identity_id=identity.id, channel="email", purpose=purpose,
        campaign_id=campaign.id if campaign else None, enrolment_id=enrolment.id if enrolment else None, step="letter",
        leg="main", not_before=opens, not_after=closes, created_at=NOW,
    )  # fmt: skip
    return message.id, SendFacts(
        purpose=purpose,
        now=NOW,
        not_before=opens,
        not_after=closes,
        enrolment_open=enrolment.closed_at is None if enrolment else None,
        campaign_state=campaign.state if campaign else None,
        emergency_stop=emergency,
        consented=consents.get(purpose, False),
        suppressed=suppressed_for in ("*", purpose.value),
        reachable=reachable,
        live_chat=talk in LIVE_CHAT,
    )


@pytest.mark.parametrize("emergency", [False, True], ids=["usual", "emergency"])
async def test_rule_and_statement_agree(store: Store, emergency: bool) -> None:
    chance = random.Random(20261122)
    rows: Rows = {}
    facts = dict(_any_message(chance, rows, emergency=emergency) for _ in range(MESSAGES))
    if emergency:
        _add(rows, Setting, name=EMERGENCY_STOP, value=True, updated_at=NOW)
    columns = send_columns()
    async with store.write() as connection:
        order = [Customer, Campaign, CampaignVersion, Enrolment, Identity, Conversation, Consent, Suppression, Message]
        for model in (*order, Setting):
            if model in rows:
                await connection.execute(table(model).insert(), rows[model])
        for gate in DISPATCH_GATES:
            statement = select(columns.message.c.id).select_from(columns.joined()).where(gate.predicate(columns))
            stopped = set(await connection.scalars(statement, {"business_now": NOW}))
            expected = {id_ for id_, fact in facts.items() if gate.stops(fact)}
            assert stopped == expected, gate.name
            assert (0 < len(stopped) < MESSAGES) or (gate.name == "emergency_stop" and not emergency), gate.name


def test_the_order_of_gates_decides_the_verdict() -> None:
    """Several reasons at once: a journey that is over is cancelled, not held or put off."""
    facts = SendFacts(
        Purpose.MARKETING, NOW, not_before=NOW + timedelta(hours=1), enrolment_open=False, emergency_stop=True,
        live_chat=True, reachable=False,
    )  # fmt: skip
    stop = first_stop(DISPATCH_GATES, facts)
    assert stop is not None
    assert (stop.gate, stop.verdict) == ("answered", Verdict.CANCEL)
    assert first_stop(DISPATCH_GATES, SendFacts(Purpose.CONVERSATION, NOW)) is None
