"""What customers, providers and operators do in the world of the invariants, each with what must hold of it."""

from typing import Any

from sqlalchemy import delete, select, update

from campaigns.answers import record_click, record_open, record_opt_out, record_reply
from campaigns.attribution import NOTHING, attribute_link
from campaigns.consents import Proof
from campaigns.events import CustomerEvent, record_event
from campaigns.receipts import record_reports
from campaigns.unknowns import settle
from core.actors import Actor
from core.errors import Refused
from core.ids import new_id
from core.machines.campaign import CampaignState
from core.machines.conversation import ConversationState
from core.machines.message import MessageState
from core.messages import EMAIL, SMS, DeliveryReport
from storage.outbox.columns import EMERGENCY_STOP, table
from storage.tables import (
    Campaign,
    Conversation,
    Enrolment,
    Message,
    Setting,
)
from tests.invariants.cast import ATTRIBUTION, Person


class Acts:
    """The half of the world that is not a worker: mixed into :class:`tests.invariants.world.World`."""

    async def reply(self, person: Person, to: str | None, *, automatic: bool) -> None:
        now = self.clock.now()
        before = await self.open_journeys()
        async with self.store.write() as connection:
            credited = await attribute_link(connection, to) if to else NOTHING
            await record_reply(
                connection, key=new_id(), customer_id=person.id, channel=EMAIL, at=now, now=now,
                since=now - ATTRIBUTION, attribution=credited, automatic="auto-submitted" if automatic else "",
            )  # fmt: skip
        after = await self.open_journeys()
        if automatic:
            assert after == before, "invariant 2: an automatic reply ended a journey"
            return
        series = await self._of_campaign("series")
        assert before & series == after & series, "a reply ended a series without waits for answers"
        wrote_lately = {
            ready.claim.enrolment_id
            for id_, ready in self.taken.items()
            if ready.claim.customer_id == person.id
            and now - self.dispatched_at[id_] <= ATTRIBUTION
            and id_ not in self.disowned
        }
        assert not (wrote_lately - series) & after, "invariant 2: a reply left a journey open that wrote lately"
        assert before - after <= await self._of_person(person), "a reply ended somebody else's journey"

    async def _of_campaign(self, name: str) -> set[str]:
        enrolments = table(Enrolment)
        async with self.store.read() as connection:
            return set(
                await connection.scalars(
                    select(enrolments.c.id).where(enrolments.c.campaign_id == self.campaigns[name].id)
                )
            )

    async def _of_person(self, person: Person) -> set[str]:
        enrolments = table(Enrolment)
        async with self.store.read() as connection:
            return set(await connection.scalars(select(enrolments.c.id).where(enrolments.c.customer_id == person.id)))

    async def click(self, message_id: str) -> None:
        now = self.clock.now()
        before = await self.open_journeys()
        async with self.store.write() as connection:
            recorded = await record_click(connection, message_id, "link", at=now, now=now)
        enrolment = self.taken[message_id].claim.enrolment_id
        after = await self.open_journeys()
        assert before - after <= {enrolment}
        if recorded.new and enrolment not in await self._of_campaign("series"):
            assert enrolment not in after, "invariant 2: a click left its journey open"

    async def open(self, message_id: str) -> None:
        now = self.clock.now()
        before = await self.open_journeys()
        async with self.store.write() as connection:
            await record_open(connection, message_id, at=now, now=now)
        assert await self.open_journeys() == before, "invariant 2: an opening ended a journey"

    async def order(self, person: Person) -> None:
        now = self.clock.now()
        number = self.people.index(person)
        event = CustomerEvent("shop", new_id(), f"c{number}", "order", now, 1_000_000, "USD")
        async with self.store.write() as connection:
            await record_event(connection, event, now)
        left = await self.open_journeys(person) - await self._of_campaign("series")
        assert not left, "invariant 2: an order left a journey open whose goal it is"

    async def opt_out(self, person: Person) -> None:
        now = self.clock.now()
        proof = Proof("stop word", "STOP", Actor("customer", person.id), now)
        async with self.store.write() as connection:
            await record_opt_out(connection, key=new_id(), customer_id=person.id, proof=proof, now=now, channel=SMS)
        person.withdrawn = True
        assert not await self.open_journeys(person), "an opt-out left a journey open"

    async def report(self, message_id: str, status: MessageState) -> None:
        ready = self.taken[message_id]
        channel = ready.claim.to.channel
        said = DeliveryReport(channel, f"p-{message_id}", status, key=new_id(), message_id=message_id)
        async with self.store.write() as connection:
            await record_reports(connection, [said], self.clock.now())

    # what operators and agents do

    async def settle(self, message_id: str, verdict: Any) -> None:
        try:
            async with self.store.write() as connection:
                await settle(connection, [message_id], verdict, Actor("operator", "t"), self.clock.now())
        except Refused:
            return
        (self.vouched if verdict == "sent" else self.disowned).add(message_id)

    async def unknown(self) -> list[str]:
        return [id_ for id_, state in (await self.states()).items() if state is MessageState.UNKNOWN]

    async def states(self) -> dict[str, MessageState]:
        messages = table(Message)
        async with self.store.read() as connection:
            rows = await connection.execute(select(messages.c.id, messages.c.state).order_by(messages.c.id))
            return {row.id: row.state for row in rows}

    async def pause(self, campaign: str, *, paused: bool) -> None:
        campaigns, id_ = table(Campaign), self.campaigns[campaign].id
        state = CampaignState.PAUSED if paused else CampaignState.ACTIVE
        async with self.store.write() as connection:
            await connection.execute(update(campaigns).where(campaigns.c.id == id_).values(state=state))
        self.paused = self.paused | {id_} if paused else self.paused - {id_}

    async def emergency(self, *, stop: bool) -> None:
        settings = table(Setting)
        async with self.store.write() as connection:
            await connection.execute(delete(settings).where(settings.c.name == EMERGENCY_STOP))
            if stop:
                await connection.execute(
                    settings.insert(), {"name": EMERGENCY_STOP, "value": True, "updated_at": self.clock.now()}
                )
        self.stopped = stop

    async def chat(self, person: Person, *, live: bool) -> None:
        if live == person.in_live_chat:
            return
        conversations = table(Conversation)
        now = self.clock.now()
        if live:
            async with self.store.session() as session:
                session.add(
                    Conversation(customer_id=person.id, state=ConversationState.ASSIGNED, opened_at=now, last_at=now)
                )
        else:
            async with self.store.write() as connection:
                await connection.execute(
                    update(conversations)
                    .where(conversations.c.customer_id == person.id)
                    .values(state=ConversationState.RESOLVED, resolved_at=now)
                )
        person.in_live_chat = live
