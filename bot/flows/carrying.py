"""Carrying out what a flow decided: messages, changes, events, handoffs, in the transaction that moves its run."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.conversations import plan_message
from bot.flows.effects import (
    AskAnswers,
    AskProof,
    CallWebhook,
    Change,
    Effect,
    OpenHandoff,
    Proved,
    RecordEvent,
    Replied,
    Say,
    Signal,
    StartCampaign,
)
from bot.handoff import ownership
from bot.handoff.hours import WorkingHours
from bot.handoff.ownership import Request
from bot.handoff.promises import promised
from bot.handoff.record import RATED, record
from campaigns.definition import WorkspaceConfig
from campaigns.engine import ChangeCustomer
from campaigns.periods import zone_named
from campaigns.responding.arrivals import Arrival
from campaigns.responding.events import events_arrived
from campaigns.running.changes import change_customers
from campaigns.starting.entry import enrol_group
from campaigns.templates.content import Manner, Rendered
from campaigns.versions import definitions
from core.actors import Actor
from core.ids import new_id
from core.machines.campaign import CampaignState
from core.messages import EMAIL, Button
from core.purposes import Purpose
from storage.intake import storable
from storage.outbox.columns import table
from storage.statements import insert_into
from storage.tables import Campaign, Command, Conversation, Event, Message

log = structlog.get_logger(__name__)

_MESSAGES, _COMMANDS, _EVENTS, _CAMPAIGNS = table(Message), table(Command), table(Event), table(Campaign)
_CONVERSATIONS = table(Conversation)
FLOW_WEBHOOK = "flow_webhook"
"""The kind of command by which a flow's webhook is called."""
EVENT_SOURCE = "otklik"
_PRIORITIES = {"low": 0, "normal": 1, "high": 2, "urgent": 3}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a flow talks: the identity that it writes to, and the conversation with its fence.

    ``thread`` is what an answer to a mail has in its headers: subject, in_reply_to, references.
    """

    customer_id: str
    identity_id: str
    channel: str
    conversation_id: str
    token: int
    thread: Mapping[str, Any] = field(default_factory=dict)


class Answers(Protocol):
    """The answers bot, as a flow needs it: says what it knows; False where it knows nothing."""

    async def __call__(self, connection: AsyncConnection, place: Place, question: str, token: str, /) -> bool: ...


async def no_answers(_connection: AsyncConnection, _place: Place, _question: str, _token: str) -> bool:
    """An answers bot that knows nothing."""
    return False


class Asked(Protocol):
    """What came of asking for a proof: sent, already theirs, or not; ``said`` is what to tell the customer."""

    @property
    def outcome(self) -> str: ...
    @property
    def said(self) -> str: ...


Proofs = Callable[[AsyncConnection, str, str, str], Awaitable[Asked]]
"""(connection, customer, channel, address): sends a code there (:func:`bot.proofs.ask_for_proof`)."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """Carries out the effects of one turn of a run."""

    connection: AsyncConnection
    flow: str
    run_id: str
    turn: int
    place: Place
    config: WorkspaceConfig
    now: datetime
    answers: Answers
    purpose: Purpose = Purpose.CONVERSATION
    proofs: Proofs | None = None

    async def carry_out(self, effects: Sequence[Effect]) -> list[Signal]:
        """Do them in order; gives what has come back at once."""
        back: list[Signal] = []
        for number, effect in enumerate(effects):
            token = f"flow:{self.run_id}:{self.turn}:{number}"
            match effect:
                case Say():
                    await self._say(effect.content, token)
                case Change():
                    await self._change(effect)
                case RecordEvent():
                    await self._record(effect, token)
                case CallWebhook():
                    await self._call(effect)
                case StartCampaign():
                    await self._start(effect)
                case AskAnswers():
                    found = await self.answers(self.connection, self.place, effect.question, token)
                    back.append(Replied(effect.step, found))
                case AskProof():
                    back += await self._prove(effect, token)
                case OpenHandoff():
                    await self._hand_over(effect)
        return back

    async def _prove(self, ask: AskProof, token: str) -> list[Signal]:
        if self.proofs is None:  # nothing was heard: there is nobody to ask
            return [Proved(ok=False)]
        asked = await self.proofs(self.connection, self.place.customer_id, ask.channel, ask.address)
        await self._say(Rendered(asked.said, manner=Manner(long="shorten")), token)
        return [] if asked.outcome == "sent" else [Proved(asked.outcome == "already")]

    async def _say(self, said: Rendered, token: str) -> None:
        place = self.place
        content = {**content_of(said), **place.thread}
        if place.channel == EMAIL and not content.get("subject"):
            content["subject"] = said.subject or self.config.brand.name
        await plan_message(
            self.connection,
            customer_id=place.customer_id,
            identity_id=place.identity_id,
            channel=place.channel,
            conversation_id=place.conversation_id,
            client_token=token,
            purpose=self.purpose,
            content=storable(content),
            now=self.now,
        )
        await self.connection.execute(  # dropped at dispatch if a person has the conversation by then
            update(_MESSAGES)
            .where(_MESSAGES.c.conversation_id == place.conversation_id, _MESSAGES.c.client_token == token)
            .values(owner_token=place.token)
        )

    async def _change(self, change: Change) -> None:
        made = ChangeCustomer(
            fields=storable(dict(change.fields)), tag=change.tag, untag=change.untag, stage=change.stage
        )
        await change_customers(self.connection, [(self.place.customer_id, made)], self.now)

    async def _record(self, event: RecordEvent, token: str) -> None:
        properties = storable({**event.properties, "flow": self.flow, "step": event.step, **await self._rated(event)})
        row = {
            "id": new_id(), "customer_id": self.place.customer_id, "name": event.name, "at": self.now, "currency": "",
            "source": EVENT_SOURCE, "external_id": token, "properties": properties, "content_hash": "",
            "recorded_at": self.now,
        }  # fmt: skip
        await self.connection.execute(insert_into(self.connection, _EVENTS).values(row).on_conflict_do_nothing())
        arrived = Arrival(self.place.customer_id, event.name, self.now, str(row["id"]), None, properties)
        await events_arrived(self.connection, [arrived], self.now)

    async def _rated(self, event: RecordEvent) -> Mapping[str, str]:
        """Of what the flow after a chat asks: whose chat it was; written into the conversation's record, too."""
        if self.flow != self.config.desk.rating:
            return {}
        id_ = self.place.conversation_id
        theirs = select(_CONVERSATIONS.c.agent).where(_CONVERSATIONS.c.id == id_)
        whose = str(await self.connection.scalar(theirs) or "")
        await record(
            self.connection, id_, self.place.customer_id, RATED,
            actor=Actor("customer", self.place.customer_id), now=self.now,
            text=" · ".join(str(value) for value in event.properties.values()),
            detail={"agent": whose, "event": event.name},
        )  # fmt: skip
        return {"conversation": id_, "agent": whose}

    async def _call(self, call: CallWebhook) -> None:
        payload = {
            "customer_id": self.place.customer_id, "run_id": self.run_id, "flow": self.flow, "step": call.step,
            "turn": self.turn, "url": call.url, "data": dict(call.data), "seconds": call.timeout.total_seconds(),
        }  # fmt: skip
        await self.connection.execute(
            _COMMANDS.insert().values(
                id=new_id(), kind=FLOW_WEBHOOK, payload=storable(payload), created_at=self.now, tries=0, error=""
            )
        )

    async def _start(self, start: StartCampaign) -> None:
        row = (
            await self.connection.execute(
                _CAMPAIGNS.select().where(
                    _CAMPAIGNS.c.name == start.campaign, _CAMPAIGNS.c.state == CampaignState.ACTIVE
                )
            )
        ).first()
        known = await definitions(self.connection, [row.version]) if row is not None else {}
        if row is None or row.version not in known:
            log.warning("a flow starts a campaign that does not run", flow=self.flow, campaign=start.campaign)
            return
        campaign = Campaign(**row._mapping)  # noqa: SLF001  public API of Row
        await enrol_group(
            self.connection, campaign, known[row.version], self.config, [self.place.customer_id], self.now
        )

    async def _hand_over(self, handoff: OpenHandoff) -> None:
        desk, zone = self.config.desk, self.config.zone
        hours = WorkingHours.of(self.config.staff, zone)
        request = Request(
            why="flow",
            queue=handoff.queue,
            priority=_PRIORITIES[handoff.priority],
            note=storable(handoff.note),
            sticks_since=desk.sticky.before(self.now, zone_named(zone)),
        )
        await ownership.queue(
            self.connection,
            self.place.conversation_id,
            request,
            promised(desk.queue(handoff.queue), hours, self.now),
            actor=Actor("system", f"flow {self.flow}"),
            now=self.now,
        )


def content_of(said: Rendered) -> dict[str, Any]:
    """A message's words as its row keeps them; the composer makes of them what the channel can show."""
    found: dict[str, Any] = {"text": said.text}
    if said.html:
        found["html"] = said.html
    if said.subject:
        found["subject"] = said.subject
    if said.spans:
        found["spans"] = [asdict(span) for span in said.spans]
    if said.buttons:
        found["buttons"] = [_plain(button) for button in said.buttons]
    if not said.html:
        found["formatted"] = True
    return found


def _plain(button: Button) -> dict[str, str]:
    return {name: value for name, value in asdict(button).items() if value or name == "label"}


def at_turn(carrier: Carrier, turn: int) -> Carrier:
    """The carrier of the run's next turn."""
    return replace(carrier, turn=turn)
