"""A town of people in the store."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from core.ids import new_id
from core.machines.enrolment import OPEN, EnrolmentState
from core.machines.message import MessageState
from storage.outbox.columns import table
from storage.tables import (
    Campaign,
    CampaignVersion,
    Consent,
    Customer,
    CustomerTag,
    Enrolment,
    Event,
    Grant,
    Identity,
    Message,
    Response,
)
from tests.campaigns.segments.evaluator import Deed, Person
from tests.campaigns.segments.strategies import CAMPAIGNS
from tests.conftest import NOW


async def settle(connection: AsyncConnection, people: Mapping[str, Person]) -> None:
    """Write everybody down, and the campaigns that they know."""
    rows = _Rows()
    campaigns = {name: new_id() for name in CAMPAIGNS}
    for name, id_ in campaigns.items():
        rows.add(Campaign(id=id_, name=name, version=name, created_at=NOW, updated_at=NOW))
        rows.add(CampaignVersion(hash=name, campaign_id=id_, body={}, created_at=NOW))
    for id_, person in people.items():
        _person(rows, id_, person)
        for round_, deed in enumerate(person.deeds):
            _deed(rows, id_, deed, campaigns, round_)
    await rows.write(connection)


class _Rows:
    def __init__(self) -> None:
        self._rows: dict[Any, list[dict[str, Any]]] = {}

    def add(self, row: Any) -> None:
        self._rows.setdefault(type(row), []).append(row.model_dump())

    async def write(self, connection: AsyncConnection) -> None:
        for model, rows in self._rows.items():
            await connection.execute(insert(table(model)), rows)


def _person(rows: _Rows, id_: str, person: Person) -> None:
    customer = Customer(id=id_, attributes=dict(person.attributes), updated_at=NOW, **person.fields)
    customer.draw = person.draw
    rows.add(customer)
    for own in person.events:
        rows.add(
            Event(
                customer_id=id_, name=own.name, at=own.at, amount_micros=own.amount, source="t", external_id=new_id(),
                recorded_at=NOW, properties=dict(own.properties),
            )
        )  # fmt: skip
    rows.add(Identity(id=f"home-{id_[:20]}", customer_id=id_, channel="letter", address=id_, key=id_, created_at=NOW))
    for channel, reachable, agreed in person.reach:
        identity = Identity(customer_id=id_, channel=channel, address=id_, key=id_, reachable=reachable, created_at=NOW)
        rows.add(identity)
        for purpose in agreed:
            rows.add(Consent(identity_id=identity.id, purpose=purpose, granted=True, at=NOW))
        if not agreed:
            rows.add(Consent(identity_id=identity.id, purpose="marketing", granted=False, at=NOW))
    for tag in person.tags:
        rows.add(CustomerTag(customer_id=id_, tag=tag, at=NOW))
    for number, (offer, at, expires, ended_by) in enumerate(person.grants):
        rows.add(
            Grant(
                customer_id=id_, product=f"p{number}", offer=offer, granted_at=at, expires_at=expires,
                ended_at=NOW if ended_by else None, ended_by=ended_by,
            )
        )  # fmt: skip


def _deed(rows: _Rows, id_: str, deed: Deed, campaigns: Mapping[str, str], round_: int) -> None:
    campaign_id = campaigns[deed.campaign]
    match deed.what:
        case "message":
            rows.add(
                Message(
                    customer_id=id_, identity_id=f"home-{id_[:20]}", channel=deed.channel,
                    state=MessageState(deed.word), campaign_id=campaign_id, step=deed.step,
                    sent_at=deed.at, created_at=NOW,
                )
            )  # fmt: skip
        case "response":
            rows.add(
                Response(
                    key=new_id(), kind=deed.word, customer_id=id_, channel=deed.channel, campaign_id=campaign_id,
                    step=deed.step, at=deed.at,
                )
            )  # fmt: skip
        case _:
            is_open = deed.word in OPEN
            rows.add(
                Enrolment(
                    campaign_id=campaign_id, customer_id=id_, round=round_, version=deed.campaign,
                    state=EnrolmentState(deed.word), entered_at=deed.at, closed_at=None if is_open else deed.at,
                )
            )  # fmt: skip
