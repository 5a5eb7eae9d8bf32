"""A store with segments and active campaigns, as an apply would have left it, and a scheduler that is told the time."""

import hashlib
import json
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from campaigns.definition import Brand, CampaignBody, CampaignDefinition, Leg, SendStep, Start, WorkspaceConfig
from campaigns.live import WORKSPACE
from campaigns.periods import Period
from campaigns.responding.events import CustomerEvent, record_event
from campaigns.starting.scheduler import Scheduler
from core.clock import VirtualClock
from core.ids import new_id
from core.machines.campaign import CampaignState
from core.machines.enrolment import EnrolmentState
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Campaign, CampaignVersion, Customer, Enrolment, Segment, Setting
from tests.conftest import NOW

STEP = SendStep(id="mail", main=Leg(channel="email", template="t"), wait=Period(3, "d"))
CONFIG = WorkspaceConfig(brand=Brand(name="Lantern Books"), zone="Europe/London", currency="GBP")


def campaign(name: str, start: Start, **more: Any) -> CampaignDefinition:
    return CampaignDefinition(name=name, **{"audience": "", "steps": (STEP,), **more}, start=start)


class Place:
    """Builds rows, moves the clock, reads back."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = VirtualClock(NOW)
        self.scheduler = Scheduler(store, self.clock)
        self._events = 0

    async def begin(self, config: WorkspaceConfig = CONFIG) -> None:
        async with self.store.session() as session:
            await session.merge(Setting(name=WORKSPACE, value=config.model_dump(mode="json"), updated_at=NOW))

    async def apply(self, definition: CampaignDefinition, at: datetime | None = None) -> str:
        data = dict(CampaignBody(definition=definition, templates={}).as_json())
        version = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
        at = at or self.clock.now()
        row = Campaign(
            name=definition.name, version=version, state=CampaignState.ACTIVE, started_at=at, created_at=at,
            updated_at=at,
        )  # fmt: skip
        async with self.store.session() as session:
            session.add(row)
            await session.flush()
            session.add(CampaignVersion(hash=version, campaign_id=row.id, body=data, created_at=at))
        return row.id

    async def segment(self, name: str, where: Any) -> None:
        async with self.store.session() as session:
            await session.merge(Segment(name=name, definition={"where": where}, hash=new_id()))

    async def people(self, *who: dict[str, Any]) -> list[str]:
        rows = [Customer(**{"created_at": NOW, "updated_at": self.clock.now(), **one}) for one in who]
        async with self.store.session() as session:
            session.add_all(rows)
        return [row.id for row in rows]

    async def change(self, customer_id: str, **values: Any) -> None:
        customers = table(Customer)
        async with self.store.write() as connection:
            statement = update(customers).where(customers.c.id == customer_id)
            await connection.execute(statement.values(**values, updated_at=self.clock.now()))

    async def event(self, customer: str, name: str, *, at: datetime | None = None, key: str = "", **more: Any) -> bool:
        self._events += 1
        event = CustomerEvent("shop", key or f"e{self._events}", customer, name, at or self.clock.now(), **more)
        async with self.store.write() as connection:
            return await record_event(connection, event, self.clock.now())

    async def tick(self, at: datetime | None = None) -> int:
        if at is not None:
            self.clock.advance_to(at)
        return await self.scheduler.tick()

    async def close_all(self) -> None:
        """End every journey, as if all steps were done."""
        enrolments = table(Enrolment)
        async with self.store.write() as connection:
            await connection.execute(
                update(enrolments)
                .where(enrolments.c.closed_at.is_(None))
                .values(state=EnrolmentState.EXHAUSTED, closed_at=self.clock.now())
            )

    async def entered(self, name: str = "") -> list[Any]:
        """Enrolments with their customer's external id, in order of entry."""
        enrolments, campaigns, customers = table(Enrolment), table(Campaign), table(Customer)
        query = (
            select(enrolments, customers.c.external_id, campaigns.c.name)
            .join(customers, customers.c.id == enrolments.c.customer_id)
            .join(campaigns, campaigns.c.id == enrolments.c.campaign_id)
            .order_by(enrolments.c.entered_at, customers.c.external_id)
        )
        async with self.store.read() as connection:
            rows = (await connection.execute(query)).all()
        return [row for row in rows if name in ("", row.name)]

    async def who(self, name: str = "") -> list[str]:
        return [row.external_id for row in await self.entered(name)]

    async def all_campaigns(self) -> dict[str, str]:
        """The version of each campaign, by id."""
        campaigns = table(Campaign)
        async with self.store.read() as connection:
            rows = await connection.execute(select(campaigns.c.id, campaigns.c.version))
            return {row.id: row.version for row in rows}
