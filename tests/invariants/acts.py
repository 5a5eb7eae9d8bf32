"""What customers, providers and operators do in the world of the invariants, each with what must hold of it."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select, update

from campaigns.applying.writing import put_in_force
from campaigns.customers.consents import Proof
from campaigns.operating import pausing
from campaigns.operating.unknowns import settle
from campaigns.responding.answers import record_click, record_open, record_opt_out, record_reply
from campaigns.responding.attribution import NOTHING, attribute_link
from campaigns.responding.events import CustomerEvent, record_event
from campaigns.responding.receipts import record_reports
from core.actors import Actor
from core.errors import Refused
from core.ids import new_id
from core.machines.conversation import ConversationState
from core.machines.message import MessageState
from core.messages import EMAIL, SMS, DeliveryReport, RawInbound
from storage.intake import Intake
from storage.outbox.columns import EMERGENCY_STOP, table
from storage.statements import lock_customers
from storage.tables import (
    CampaignVersion,
    Conversation,
    Enrolment,
    Message,
    Setting,
)
from tests.invariants.cast import ATTRIBUTION, Person

OPERATOR = Actor("operator", "t")


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
        versions = await self._versions(person)  # a journey that was taken over waits for what its new version says
        theirs = {
            (enrolment, self._until(versions[enrolment], ready.claim.step), self.dispatched_at[id_])
            for id_, ready in self.taken.items()
            if (enrolment := ready.claim.enrolment_id) in versions and id_ not in self.disowned
        }
        wrote_lately = {enrolment for enrolment, until, at in theirs if until and now - at <= ATTRIBUTION}
        assert not wrote_lately & after, "invariant 2: a reply left a journey open that wrote lately"
        assert before - after <= versions.keys(), "a reply ended somebody else's journey"
        maybe = await self._perhaps_sent()
        asked = {enrolment for enrolment, version, step in maybe if self._until(version, step)}
        assert before - after <= asked, "a reply ended a journey that never waited for one"

    def _until(self, version: str, step: str) -> frozenset[str]:
        found = self.definitions[version].send_step(step)
        return found.until if found is not None else frozenset()

    async def _perhaps_sent(self) -> set[tuple[str, str, str]]:
        """(enrolment, its version, step) of every message that may have left."""
        messages, enrolments = table(Message), table(Enrolment)
        wanted = (
            select(messages.c.enrolment_id, enrolments.c.version, messages.c.step)
            .join(enrolments, enrolments.c.id == messages.c.enrolment_id)
            .where(messages.c.sent_at.is_not(None))
        )
        async with self.store.read() as connection:
            return {tuple(row) for row in await connection.execute(wanted)}

    async def _versions(self, person: Person) -> dict[str, str]:
        """The person's journeys, each with its version."""
        enrolments = table(Enrolment)
        wanted = select(enrolments.c.id, enrolments.c.version).where(enrolments.c.customer_id == person.id)
        async with self.store.read() as connection:
            return {row.id: row.version for row in await connection.execute(wanted)}

    async def click(self, message_id: str) -> None:
        now = self.clock.now()
        before = await self.open_journeys()
        async with self.store.write() as connection:
            recorded = await record_click(connection, message_id, "link", at=now, now=now)
        claim = self.taken[message_id].claim
        after = await self.open_journeys()
        if "click" not in self._until(claim.version, claim.step):
            assert before == after, "a click ended a journey that does not wait for any"
        assert before - after <= {claim.enrolment_id}
        if recorded.new and "click" in self._until(claim.version, claim.step):
            assert claim.enrolment_id not in after, "invariant 2: a click left its journey open"

    async def open(self, message_id: str) -> None:
        now = self.clock.now()
        before = await self.open_journeys()
        async with self.store.write() as connection:
            await record_open(connection, message_id, at=now, now=now)
        assert await self.open_journeys() == before, "invariant 2: an opening ended a journey"

    async def event(self, person: Person, name: str) -> None:
        """An order or a visit; the first is the goal of some campaigns, the second is waited for by some steps."""
        now = self.clock.now()
        number = self.people.index(person)
        before = await self._journeys(person)
        event = CustomerEvent("shop", new_id(), f"c{number}", name, now, 1_000_000, "USD")
        async with self.store.write() as connection:
            await record_event(connection, event, now)
        open_now = await self.open_journeys(person)
        for row in before:
            definition = self.definitions[row.version]
            goal, step = definition.goal, definition.send_step(row.step)
            days = timedelta(days=goal.within.amount) if goal is not None and goal.within is not None else None
            if days is not None and abs(now - row.entered_at - days) <= timedelta(hours=1):
                continue  # whether a calendar's day is over then is asked elsewhere
            in_time = days is None or now < row.entered_at + days
            if goal is not None and goal.event == name and in_time:
                assert row.id not in open_now, "invariant 2: an event left a journey open whose goal it is"
            elif step is not None and f"event:{name}" in step.until:
                assert row.id not in open_now, "invariant 2: an event left a step open that waited for it"
            else:
                assert row.id in open_now, "an event ended a journey that did not wait for it"

    async def _journeys(self, person: Person) -> Sequence[Any]:
        enrolments = table(Enrolment)
        wanted = enrolments.select().where(enrolments.c.customer_id == person.id, enrolments.c.closed_at.is_(None))
        async with self.store.read() as connection:
            return (await connection.execute(wanted)).all()

    async def deliver(self, key: str) -> None:
        """A provider delivers something, perhaps once more; what is acknowledged is stored."""
        async with Intake(self.store, self.clock) as intake:
            await intake.store([RawInbound("account", SMS, key, b"{}"), RawInbound("account", SMS, key, b"{}")])
        self.acknowledged.add(key)

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
                await settle(connection, [message_id], verdict, OPERATOR, self.clock.now())
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

    async def edit(self, campaign: str, *, back: bool) -> None:
        """The marketer applies another version, or the first again: who is on the way goes as its ``edits`` say."""
        bodies = self.shop.bodies if back else self.shop.edited
        body = next(each for each in bodies if each.definition.name == campaign)
        version, now, id_ = self._version(body), self.clock.now(), self.campaigns[campaign].id
        versions = table(CampaignVersion)
        async with self.store.write() as connection:
            if await connection.scalar(select(versions.c.hash).where(versions.c.hash == version)) is None:
                new = {"hash": version, "campaign_id": id_, "body": body.as_json(), "applied_by": "", "created_at": now,
                       "approved_by": ""}  # fmt: skip
                await connection.execute(versions.insert(), new)
            await put_in_force(connection, id_, body, now)

    async def pause(self, campaign: str) -> None:
        with suppress(Refused):
            async with self.store.write() as connection:
                await pausing.pause(connection, campaign, OPERATOR, self.clock.now())
            self.paused.add(self.campaigns[campaign].id)

    async def resume(self, campaign: str, catch_up: pausing.CatchUp) -> None:
        with suppress(Refused):
            async with self.store.write() as connection:
                await pausing.resume(connection, campaign, OPERATOR, self.clock.now(), catch_up)
        self.paused.discard(self.campaigns[campaign].id)

    async def end(self, campaign: str) -> None:
        """Stop the campaign for good."""
        id_ = self.campaigns[campaign].id
        with suppress(Refused):
            async with self.store.write() as connection:
                await pausing.stop(connection, campaign, OPERATOR, self.clock.now())
        self.ended.add(id_)
        self.paused.discard(id_)
        open_now = {row.id for row in await self._open_in(id_)}
        assert not open_now, "a stopped campaign has open journeys"

    async def _open_in(self, campaign_id: str) -> Sequence[Any]:
        enrolments = table(Enrolment)
        wanted = enrolments.select().where(enrolments.c.campaign_id == campaign_id, enrolments.c.closed_at.is_(None))
        async with self.store.read() as connection:
            return (await connection.execute(wanted)).all()

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
        """An agent takes the conversation, or is done with every one that is open."""
        conversations = table(Conversation)
        now = self.clock.now()
        mine = (conversations.c.customer_id == person.id, conversations.c.state != ConversationState.RESOLVED)
        async with self.store.write() as connection:
            if not live:
                done = update(conversations).where(*mine).values(state=ConversationState.RESOLVED, resolved_at=now)
                await connection.execute(done)
                return
            await lock_customers(connection, [person.id], shared=False)
            taken = await connection.execute(
                update(conversations).where(*mine).values(state=ConversationState.ASSIGNED, agent="ann")
            )
            if not taken.rowcount:
                new = Conversation(
                    customer_id=person.id, state=ConversationState.ASSIGNED, agent="ann", opened_at=now, last_at=now
                )
                await connection.execute(conversations.insert(), new.model_dump())

    async def talking(self) -> set[str]:
        """Who talks with a person of ours, or did so within the last day."""
        conversations, now = table(Conversation), self.clock.now()
        found = set()
        async with self.store.read() as connection:
            for row in await connection.execute(conversations.select()):
                live = row.state.value in ("queued", "assigned", "snoozed")
                lately = row.agent and row.resolved_at and now - row.resolved_at < timedelta(hours=24)
                if live or lately:
                    found.add(row.customer_id)
        return found
