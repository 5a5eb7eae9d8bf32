"""Playing a campaign's tests: a customer of their own in an empty store, the engine as it is, the clock jumping."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, select
from sqlmodel import SQLModel

from campaigns.applying import apply
from campaigns.definition import CampaignBody
from campaigns.periods import resolve, zone_named
from campaigns.rehearsal.cases import NOT_ENTERED, Case, Expected, differences
from campaigns.segments.syntax import ATTRIBUTE
from campaigns.simulation.behaviour import Behaviour
from campaigns.simulation.playing import Play
from campaigns.simulation.scratch import scratch_store
from campaigns.workspace.loader import Workspace
from core.actors import Actor
from core.addresses import identity_key
from core.clock import VirtualClock
from core.draws import customer_draw
from core.ids import new_id
from core.messages import EMAIL, SMS, TELEGRAM, WHATSAPP, Address
from core.money import MICRO
from core.purposes import Purpose
from core.statuses import SENT
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Consent, Customer, CustomerTag, Enrolment, Event, Identity, Message, OfferCode

WHO = "anna"
_ADDRESSES = {
    EMAIL: Address(EMAIL, "anna@example.org"), SMS: Address(SMS, "+447700900123"),
    WHATSAPP: Address(WHATSAPP, "+447700900123"), TELEGRAM: Address(TELEGRAM, "5000000001", "test"),
}  # fmt: skip
_DIALLED = {"DE": "+4915112345678", "IR": "+989001234567", "RU": "+79000000000", "US": "+12025550123"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a case went. ``differences`` is empty where the messages are as expected, ``got_outcome`` where the end is.

    ``story`` are the messages that were sent, in order.
    """

    campaign: str
    case: Case
    differences: Sequence[str]
    got_outcome: str = ""
    story: Sequence[Expected] = ()

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return not self.differences and not self.got_outcome


async def rehearse(workspace: Workspace, cases: Mapping[str, Sequence[Case]]) -> AsyncIterator[Verdict]:
    """Play every case, by campaign; gives each verdict as it is known."""
    async with scratch_store() as store:
        for name, listed in cases.items():
            for case in listed:
                async with _emptied(store):
                    yield await _play(store, workspace, name, case)


@asynccontextmanager
async def _emptied(store: Store) -> AsyncIterator[None]:
    """One store for all, empty each time: opening one costs more than playing a case."""
    async with store.write() as connection:
        await connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        for each in reversed(SQLModel.metadata.sorted_tables):
            await connection.execute(delete(each))
    yield


async def _play(store: Store, workspace: Workspace, name: str, case: Case) -> Verdict:
    config = workspace.config.model_copy(
        update={"approval": False, "mode": "live", "holdout": Decimal(int(case.held_out))}
    )
    body = _assigned(workspace.campaigns[name], case)
    only = replace(workspace, config=config, campaigns={name: body})
    begins = resolve(case.begins, zone_named(config.zone))
    customer_id = await _customer(store, case, config.currency, begins, list(body.offers))
    await apply(store, only, Actor("operator", "test"), begins)
    clock = VirtualClock(begins)
    play = Play(store, clock, Behaviour(scripts={WHO: case.when}))
    await play.run(begins + case.length)
    zone = zone_named(str(case.given.fields.get("zone") or config.zone))
    first_day = begins.astimezone(zone).date()
    async with store.read() as connection:
        messages, enrolments = table(Message), table(Enrolment)
        rows = await connection.execute(
            select(messages.c.send_at, messages.c.channel, messages.c.step)
            .where(messages.c.customer_id == customer_id, messages.c.state.in_(SENT))
            .order_by(messages.c.send_at, messages.c.id)
        )
        sent = []
        for row in rows:
            local = row.send_at.astimezone(zone)
            sent.append(Expected((local.date() - first_day).days, f"{local:%H:%M}", row.channel, row.step))
        last = (
            await connection.execute(
                select(enrolments.c.state, enrolments.c.reason).order_by(enrolments.c.round.desc()).limit(1)
            )
        ).first()
    outcome = NOT_ENTERED if last is None else str(last.state)
    whole = f"{outcome}: {last.reason}" if last is not None and last.reason else outcome
    as_wished = case.outcome in ("", outcome, whole)
    return Verdict(
        campaign=name, case=case, differences=[] if case.expect is None else differences(case.expect, sent),
        got_outcome="" if as_wished else whole, story=sent,
    )  # fmt: skip


def _assigned(body: CampaignBody, case: Case) -> CampaignBody:
    """The campaign whose experiment assigns what the case says, whatever the draw."""
    experiment = body.definition.experiment
    if experiment is None:
        return body
    chosen = case.variant or next(iter(sorted(experiment.variants)), "")
    weights = {name: int(name == chosen) for name in experiment.variants}
    certain = experiment.model_copy(update={"variants": weights, "holdout": Decimal(int(case.held_out))})
    return body.model_copy(update={"definition": body.definition.model_copy(update={"experiment": certain})})


async def _customer(store: Store, case: Case, currency: str, begins: datetime, offers: Sequence[str]) -> str:
    """The customer with all that is given, and codes for the offers."""
    given, id_ = case.given, new_id()
    attributes = {
        key.removeprefix(ATTRIBUTE): value for key, value in given.fields.items() if key.startswith(ATTRIBUTE)
    }
    columns: dict[str, Any] = {key: value for key, value in given.fields.items() if not key.startswith(ATTRIBUTE)}
    long_ago = begins.replace(year=begins.year - 5, day=min(begins.day, 28))
    person = Customer(
        id=id_, external_id=WHO, draw=customer_draw(case.name), attributes=attributes, created_at=long_ago,
        updated_at=long_ago, **columns,
    )  # fmt: skip
    zone = zone_named(person.zone or "UTC")
    identities, consents = [], []
    for channel in given.channels:
        address = _ADDRESSES.get(channel) or Address(channel, WHO)
        if channel in (SMS, WHATSAPP) and person.country in _DIALLED:
            address = Address(channel, _DIALLED[person.country])
        one = Identity(
            customer_id=id_, channel=channel, scope=address.scope, address=address.value, key=identity_key(address),
            created_at=long_ago,
        )  # fmt: skip
        identities.append(one)
        if channel in given.consent:
            consents.append(
                Consent(identity_id=one.id, purpose=Purpose.MARKETING, granted=True, at=long_ago, source="test")
            )
    events = []
    for place, past in enumerate(given.events):
        at = past.ago.before(begins, zone).astimezone(UTC)
        events.append(
            Event(
                customer_id=id_, name=past.name, at=at, source="test", external_id=str(place), recorded_at=at,
                amount_micros=None if past.amount is None else round(past.amount * MICRO),
                currency="" if past.amount is None else currency, properties=dict(past.properties),
            )
        )  # fmt: skip
    codes = [
        OfferCode(offer=offer, code=f"TEST{number}", imported_at=begins) for offer in offers for number in range(3)
    ]
    tags = [CustomerTag(customer_id=id_, tag=tag, at=long_ago) for tag in given.tags]
    async with store.session() as session:
        session.add(person)
        await session.flush()
        session.add_all(identities)
        await session.flush()
        session.add_all([*consents, *events, *codes, *tags])
    return id_
