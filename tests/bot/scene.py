"""A scene: customers on journeys, put into the store as the runner and the dispatcher would have left them."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from bot.context import REPLY, START, Context
from campaigns.composing.links import CHOICE
from campaigns.definition import Brand, CampaignBody, CampaignDefinition, Goal, Leg, SendStep, WorkspaceConfig
from campaigns.periods import Period
from core.addresses import identity_key
from core.ids import new_id
from core.machines.enrolment import EnrolmentState
from core.machines.message import MessageState
from core.messages import EMAIL, TELEGRAM, Address, InboundMessage
from core.purposes import Purpose
from core.tokens import Signer
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import (
    Campaign,
    CampaignVersion,
    Consent,
    Customer,
    Enrolment,
    Hold,
    Identity,
    Message,
    Response,
)
from tests.conftest import NOW

SECRET = "a secret of this test"
DAY = timedelta(days=1)
ALL: frozenset[str] = frozenset({"reply", "click", "goal"})


def body(
    name: str = "winback",
    *,
    until: frozenset[str] = ALL,
    purpose: Purpose = Purpose.MARKETING,
    within: str | None = None,
) -> CampaignBody:
    """A campaign of two steps: a mail, then a Telegram message."""
    definition = CampaignDefinition(
        name=name,
        purpose=purpose,
        audience="dormant",
        goal=Goal(event="order", within=Period.parse(within) if within else None),
        steps=(
            SendStep(id="first", main=Leg(channel=EMAIL, template="t"), wait=Period(3, "d"), until=until),
            SendStep(id="second", main=Leg(channel=TELEGRAM, template="t"), wait=Period(2, "d"), until=until),
        ),
    )
    return CampaignBody(definition=definition, templates={})


@dataclass(frozen=True)
class Person:
    """A customer with one address a channel."""

    id: str
    email: Address
    telegram: Address
    identities: dict[str, str] = field(default_factory=dict)


class Scene:
    """Builds rows and reads them back."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._count = 0

    def context(self, at: datetime = NOW) -> Context:
        config = WorkspaceConfig(brand=Brand(name="Paper Boat"), consent_document="privacy-2026-01")
        return Context(config, at, at, *(Signer(SECRET, purpose) for purpose in (REPLY, START, CHOICE)))

    async def person(self, *, consent: bool = True, locale: str = "en") -> Person:
        self._count += 1
        number = self._count
        customer = Customer(external_id=f"c{number}", locale=locale, created_at=NOW, updated_at=NOW)
        addresses = {
            EMAIL: Address(EMAIL, f"person{number}@example.org"),
            TELEGRAM: Address(TELEGRAM, str(7000 + number), "42"),
        }
        identities = [
            Identity(
                customer_id=customer.id, channel=one.channel, scope=one.scope, address=one.value, key=identity_key(one),
                created_at=NOW,
            )
            for one in addresses.values()
        ]  # fmt: skip
        async with self.store.session() as session:
            session.add(customer)
            await session.flush()
            session.add_all(identities)
            await session.flush()
            if consent:
                session.add_all(
                    Consent(identity_id=one.id, purpose="marketing", granted=True, at=NOW - 30 * DAY)
                    for one in identities
                )
        return Person(customer.id, addresses[EMAIL], addresses[TELEGRAM], {one.channel: one.id for one in identities})

    async def campaign(self, what: CampaignBody) -> tuple[str, str]:
        """Apply it; (campaign id, version)."""
        data = what.as_json()
        version = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
        async with self.store.session() as session:
            campaign = Campaign(name=what.definition.name, version=version, created_at=NOW, updated_at=NOW)
            session.add(campaign)
            await session.flush()
            session.add(CampaignVersion(hash=version, campaign_id=campaign.id, body=data, created_at=NOW))
        return campaign.id, version

    async def enrol(self, person: Person, campaign: tuple[str, str], *, entered_at: datetime = NOW - 2 * DAY) -> str:
        enrolment = Enrolment(
            campaign_id=campaign[0], version=campaign[1], customer_id=person.id, entered_at=entered_at, due_at=NOW + DAY
        )
        async with self.store.session() as session:
            session.add(enrolment)
        return enrolment.id

    async def message(
        self,
        person: Person,
        enrolment_id: str | None,
        *,
        step: str = "first",
        channel: str = EMAIL,
        state: MessageState = MessageState.ACCEPTED,
        sent_at: datetime | None = NOW - DAY,
        campaign: tuple[str, str] | None = None,
        purpose: Purpose = Purpose.MARKETING,
        provider_id: str | None = None,
        current: bool = True,
        leg: str = "main",
    ) -> str:
        """A message of ours; with ``current`` it is the one that its journey stands at."""
        row = Message(
            customer_id=person.id, identity_id=person.identities[channel], channel=channel, account=channel,
            purpose=purpose, state=state, campaign_id=campaign[0] if campaign else None, enrolment_id=enrolment_id,
            version=campaign[1] if campaign else "", step=step, leg=leg, send_at=sent_at or NOW, sent_at=sent_at,
            not_before=sent_at or NOW, not_after=NOW + DAY, provider_id=provider_id, created_at=NOW - DAY,
        )  # fmt: skip
        async with self.store.session() as session:
            session.add(row)
            await session.flush()
            session.add(Hold(message_id=row.id, customer_id=person.id, send_at=NOW))
            if enrolment_id is not None and current:
                enrolment = await session.get_one(Enrolment, enrolment_id)
                enrolment.message_id, enrolment.step, enrolment.leg = row.id, step, "main"
                session.add(enrolment)
        return row.id

    async def get(self, model: Any, id_: Any) -> Any:
        async with self.store.session() as session:
            return await session.get_one(model, id_)

    async def all(self, model: Any, **equal: Any) -> list[Any]:
        """The rows of ``model`` with these values, by id."""
        rows = table(model)
        statement = select(rows)
        for name, value in equal.items():
            statement = statement.where(rows.c[name] == value)
        async with self.store.read() as connection:
            return list((await connection.execute(statement.order_by(*rows.primary_key.columns))).all())

    async def state(self, enrolment_id: str) -> EnrolmentState:
        found: EnrolmentState = (await self.get(Enrolment, enrolment_id)).state
        return found

    async def consents(self, person: Person) -> dict[str, bool]:
        """Marketing consent by channel, where any is written."""
        granted = {}
        for channel, identity_id in person.identities.items():
            for row in await self.all(Consent, identity_id=identity_id, purpose="marketing"):
                granted[channel] = row.granted
        return granted

    async def responses(self) -> list[Any]:
        return await self.all(Response)


def written(sender: Address, text: str, **given: Any) -> InboundMessage:
    """A message from ``sender``."""
    inbound = InboundMessage(account=sender.channel, key=given.pop("key", new_id()), sender=sender, text=text)
    return replace(inbound, **given)
