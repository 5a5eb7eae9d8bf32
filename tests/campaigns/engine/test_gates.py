"""Each gate's pure rule and its SQL predicate say the same of random messages, on both databases."""

import random
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import case, delete, literal, select

from campaigns.gates import DISPATCH_GATES, SendFacts, first_stop
from campaigns.gates.live_chat import REST
from core.draws import customer_draw
from core.ids import new_id
from core.machines.campaign import CampaignState
from core.machines.conversation import LIVE_CHAT, ConversationState
from core.machines.enrolment import OPEN, EnrolmentState
from core.machines.message import MessageState
from core.purposes import Purpose, topic_of
from storage.outbox.columns import EMERGENCY_STOP, send_columns, table
from storage.store import Store
from storage.tables import (
    Campaign,
    CampaignVersion,
    Consent,
    Conversation,
    Customer,
    Enrolment,
    FlowRun,
    FlowVersion,
    Identity,
    Message,
    Setting,
    Suppression,
)
from tests.conftest import NOW

ROWS = 400
AROUND = (None, *(NOW + timedelta(microseconds=offset) for offset in (-3_600_000_000, -1, 0, 1, 3_600_000_000)))


class Rows:
    """Random messages with everything that the gates look at, and the facts that must follow from them."""

    def __init__(self, chance: random.Random, *, emergency_stop: bool) -> None:
        self._chance = chance
        self._stop = emergency_stop
        self.rows: dict[Any, list[dict[str, Any]]] = {
            model: []
            for model in (Customer, Identity, Campaign, CampaignVersion, Enrolment, Message, Consent, Suppression,
                          Conversation, FlowVersion, FlowRun)
        }  # fmt: skip
        self._put(FlowVersion(hash="f", flow="f", body={}, created_at=NOW))
        self.facts: dict[str, SendFacts] = {}
        self._topics: dict[str, str] = {}

    def _put(self, made: Any) -> Any:
        values = made.model_dump()
        if isinstance(made, Customer):
            values["draw"] = customer_draw(made.id)
        self.rows[type(made)].append(values)
        return made

    def add(self) -> None:
        chance = self._chance
        purpose = chance.choice(list(Purpose))
        not_now_until = chance.choice([None, None, None, *AROUND[1:]])
        customer = self._put(Customer(created_at=NOW, updated_at=NOW, not_now_until=not_now_until))
        reachable = chance.random() < 0.8
        identity = self._put(
            Identity(customer_id=customer.id, channel="email", address=f"{customer.id}@example.org", key=customer.id,
                     reachable=reachable, created_at=NOW)
        )  # fmt: skip
        campaign_id, enrolment_id, campaign_state, is_open = self._journey(customer.id)
        consented = suppressed = live = topic_refused = False
        quiet_until = None
        for each in chance.sample([Purpose.MARKETING, Purpose.TRANSACTIONAL, purpose], 2):
            if not any(row["identity_id"] == identity.id and row["purpose"] == each for row in self.rows[Consent]):
                granted = chance.random() < 0.7
                self._put(Consent(identity_id=identity.id, purpose=each.value, granted=granted, at=NOW))
                consented |= granted and each == purpose
        if chance.random() < 0.3:
            what = chance.choice(["*", purpose.value, Purpose.MARKETING.value, Purpose.STAFF.value])
            self._put(Suppression(key=identity.key, purpose=what, at=NOW))
            suppressed = what in ("*", purpose.value)
        if chance.random() < 0.5:
            state = chance.choice(list(ConversationState))
            ended = chance.choice(AROUND[1:]) - REST if state is ConversationState.RESOLVED else None
            agent = chance.choice(["", "ann"])
            self._put(
                Conversation(customer_id=customer.id, state=state, agent=agent, opened_at=NOW, last_at=NOW,
                             resolved_at=ended)
            )  # fmt: skip
            live = state in LIVE_CHAT
            quiet_until = ended + REST if ended is not None and agent else None
        not_before, not_after = chance.choice(AROUND), chance.choice(AROUND)
        if campaign_id is not None and chance.random() < 0.2:
            refused = chance.choice([campaign_id, "another"])
            granted = chance.random() < 0.3
            name = self._topics.get(refused, refused)
            where = identity.id
            if chance.random() < 0.5:  # said on another address
                other = Identity(customer_id=customer.id, channel="sms", address=customer.id, key="k", created_at=NOW)
                where = self._put(other).id
            self._put(Consent(identity_id=where, purpose=topic_of(name), granted=granted, at=NOW))
            topic_refused = not granted and refused == campaign_id
        conversation_id, owner_token, still_owned = self._ownership(customer.id)
        opens_flow, in_flow = chance.random() < 0.5, False
        if chance.random() < 0.5:
            in_flow = chance.random() < 0.5
            self._put(
                FlowRun(customer_id=customer.id, identity_id=identity.id, channel="email", flow="f", version="f",
                        began_at=NOW, closed_at=None if in_flow else NOW)
            )  # fmt: skip
        message = self._put(
            Message(customer_id=customer.id, identity_id=identity.id, channel="email", purpose=purpose,
                    state=MessageState.CLAIMED, campaign_id=campaign_id, enrolment_id=enrolment_id,
                    step="s", leg="main", template="@f" if opens_flow else "f",
                    conversation_id=conversation_id, owner_token=owner_token,
                    not_before=not_before, not_after=not_after, created_at=NOW)
        )  # fmt: skip
        self.facts[message.id] = SendFacts(
            purpose=purpose, now=NOW, not_before=not_before, not_after=not_after, enrolment_open=is_open,
            campaign_state=campaign_state, emergency_stop=self._stop, consented=consented, suppressed=suppressed,
            topic_refused=topic_refused,
            reachable=reachable, live_chat=live, quiet_until=quiet_until, not_now_until=not_now_until,
            still_owned=still_owned, opens_flow=opens_flow, in_flow=in_flow,
        )  # fmt: skip

    def _ownership(self, customer_id: str) -> tuple[str | None, int | None, bool | None]:
        chance = self._chance
        token = chance.choice([None, 0, 1, 2])
        held = [row for row in self.rows[Conversation] if row["customer_id"] == customer_id]
        if not held or chance.random() < 0.2:
            return None, token, None if token is None else False
        held[0]["token"] = chance.choice([0, 1, 2])
        return held[0]["id"], token, None if token is None else token == held[0]["token"]

    def _journey(self, customer_id: str) -> tuple[str | None, str | None, CampaignState | None, bool | None]:
        chance = self._chance
        if chance.random() < 0.2:
            return None, None, None, None
        state = chance.choice([CampaignState.ACTIVE, *CampaignState])
        version = new_id()
        topic = chance.choice(["", "", f"news-{version}"])
        campaign = self._put(
            Campaign(name=version, topic=topic, state=state, version=version, created_at=NOW, updated_at=NOW)
        )
        self._topics[campaign.id] = topic or campaign.name
        self._put(CampaignVersion(hash=version, campaign_id=campaign.id, body={}, created_at=NOW))
        stands = chance.choice([EnrolmentState.WAITING, *EnrolmentState])
        is_open = stands in OPEN
        enrolment = self._put(
            Enrolment(campaign_id=campaign.id, customer_id=customer_id, version=version, state=stands, entered_at=NOW,
                      closed_at=None if is_open else NOW)
        )  # fmt: skip
        return campaign.id, enrolment.id, state, is_open

    async def write(self, store: Store) -> None:
        async with store.write() as connection:
            await connection.execute(delete(table(Setting)))
            if self._stop:
                row = {"name": EMERGENCY_STOP, "value": True, "updated_at": NOW}
                await connection.execute(table(Setting).insert(), row)
            for model, rows in self.rows.items():
                await connection.execute(table(model).insert(), rows)


@pytest.mark.parametrize("stop", [False, True], ids=["running", "emergency stop"])
async def test_rule_and_predicate_agree(store: Store, stop: bool) -> None:
    made = Rows(random.Random(20261201), emergency_stop=stop)
    for _ in range(ROWS):
        made.add()
    await made.write(store)
    columns = send_columns()
    every = [gate.predicate(columns).label(gate.name) for gate in DISPATCH_GATES]
    first = case(*((gate.predicate(columns), gate.name) for gate in DISPATCH_GATES), else_=literal("")).label("first")
    async with store.read() as connection:
        rows = (
            await connection.execute(
                select(columns.message.c.id, first, *every).select_from(columns.joined()), {"business_now": NOW}
            )
        ).all()
    assert len(rows) == ROWS
    stopped: Counter[str] = Counter()
    for row in rows:
        facts = made.facts[row.id]
        for gate in DISPATCH_GATES:
            assert bool(row._mapping[gate.name]) == gate.stops(facts), (gate.name, facts)
            stopped[gate.name] += gate.stops(facts)
        expected = first_stop(DISPATCH_GATES, facts)
        assert row.first == (expected.gate if expected else ""), facts
    for gate in DISPATCH_GATES:
        if stop or gate.name != "emergency_stop":
            assert 0 < stopped[gate.name] < ROWS, f"{gate.name}: these rows prove nothing of it"
