"""A shop whose campaigns start flows, in pieces: the scheduler, the runner, a worker, and the customers' phones."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot.flows.applying import FlowsPart
from bot.flows.opened import CampaignFlows
from bot.flows.running import time_out_runs
from bot.routing import handle
from campaigns.applying import apply, approve
from campaigns.composing.composer import Composer
from campaigns.composing.links import Addresses, MessageLinks
from campaigns.engine import FLOW
from campaigns.gates import DISPATCH_GATES
from campaigns.live import workspace_config
from campaigns.responding.arrivals import Arrival
from campaigns.responding.events import events_arrived
from campaigns.running.answering import ON_ANSWER, AnswerActions
from campaigns.running.commands import CommandRunner
from campaigns.running.runner import Runner
from core.actors import Actor
from core.addresses import identity_key
from core.clock import VirtualClock
from core.dispatching import Ended, Ready
from core.ids import new_id
from core.messages import EMAIL, SMS, TELEGRAM, WEBCHAT, WHATSAPP, Address, OutboundMessage
from core.wakeup import LocalWakeup
from otklik.workspace import load_whole
from storage.outbox.outbox import Outbox
from storage.store import Store
from storage.tables import Consent, Customer, Event, Identity, Message
from tests.bot.scene import SECRET, Person, Scene, written
from tests.conftest import NOW
from tests.invariants.outcomes import MADE

CHANNELS = (EMAIL, SMS, WHATSAPP, TELEGRAM, WEBCHAT)
LINKS = MessageLinks(Addresses("https://links.example.com", SECRET, reply_address="shop@example.org"))
SHOP = """
brand: {name: Paper Boat, url: https://shop.example.com, postal_address: 1 Quay}
zone: UTC
locale: en
currency: EUR
"""
APPROVED = (
    "---\ncontent_sid: HX0123456789abcdef0123456789abcdef\n---\nHow likely are you to recommend us, from 0 to 10?\n"
)


@dataclass
class CampaignShop:
    """One workspace in force; ``got`` is what arrived on the phones, in order, ``texts`` other files."""

    scene: Scene
    folder: Path
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(NOW))
    got: list[OutboundMessage] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store: Store = self.scene.store
        wakeup = LocalWakeup()
        self.runner = Runner(self.store, self.clock, wakeup)
        self.flows = CommandRunner(self.store, self.clock, {FLOW: CampaignFlows(self.store, self.clock)})
        self.answers = CommandRunner(self.store, self.clock, {ON_ANSWER: AnswerActions(self.store, self.clock, wakeup)})
        self.composer = Composer(self.store, self.clock, LINKS)
        self.outbox = Outbox(self.store, self.clock, DISPATCH_GATES, worker=new_id())
        self._registered = False

    async def apply(self, campaign: str, *, settings: str = "", by: str = "ann", **flows: str) -> None:
        """Write the folder and apply it whole."""
        files = {
            "otklik.yaml": SHOP + settings, "campaigns/survey.yaml": campaign, "templates/ask/whatsapp.txt": APPROVED,
            **{f"flows/{name}.yaml": text for name, text in flows.items()}, **self.texts,
        }  # fmt: skip
        for name, text in files.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(text, encoding="utf-8")
        whole = load_whole(self.folder)
        actor = Actor("operator", by)
        await apply(self.store, whole.workspace, actor, self.clock.now(), parts=[FlowsPart(whole.flows)])

    async def approve(self, by: str) -> None:
        await approve(self.store, "survey", Actor("operator", by), self.clock.now())

    async def person(self, *channels: str, consent: bool = True) -> Person:
        """Somebody with an address on each of these channels, who was here before."""
        customer = Customer(external_id=new_id(), locale="en", first_name="Anna", created_at=NOW, updated_at=NOW)
        addresses = {
            EMAIL: Address(EMAIL, "anna@example.org"), SMS: Address(SMS, "+447700900123"),
            WHATSAPP: Address(WHATSAPP, "+447700900123"), TELEGRAM: Address(TELEGRAM, "70010", "42"),
            WEBCHAT: Address(WEBCHAT, "visitor-1"),
        }  # fmt: skip
        rows = [
            Identity(customer_id=customer.id, channel=one, scope=addresses[one].scope, address=addresses[one].value,
                     key=identity_key(addresses[one]), created_at=NOW)
            for one in channels
        ]  # fmt: skip
        async with self.store.session() as session:
            session.add(customer)
            await session.flush()
            session.add_all(rows)
            await session.flush()
            if consent:
                session.add_all(Consent(identity_id=one.id, purpose="marketing", granted=True, at=NOW) for one in rows)
        return Person(customer.id, addresses[EMAIL], addresses[TELEGRAM], {one.channel: one.id for one in rows})

    async def happens(self, person: Person, name: str = "order") -> None:
        """An event of the customer's, which starts the campaign."""
        now = self.clock.now()
        row = Event(customer_id=person.id, name=name, at=now, source="shop", external_id=new_id(), recorded_at=now)
        async with self.store.session() as session:
            session.add(row)
        async with self.store.write() as connection:
            await events_arrived(connection, [Arrival(person.id, name, now, row.id, None, {})], now)

    async def settle(self) -> list[str]:
        """Do all that can be done now; gives the texts that arrived by it."""
        before = len(self.got)
        for _ in range(50):
            done = await self.runner.run_once() + await self.answers.run_once() + await self.flows.run_once()
            done += await time_out_runs(self.store, self.clock)
            for channel in CHANNELS:
                done += await self.send(channel)
            if not done:
                return [one.text for one in self.got[before:]]
        raise AssertionError("it never comes to rest")

    async def send(self, channel: str) -> int:
        if not self._registered:
            await self.outbox.register("here", "boot", "")
            self._registered = True
        claims = await self.outbox.claim(channel, 10)
        made = await self.composer.compose(claims) if claims else {}
        batch = []
        for claim in claims:
            message = made[claim.message_id]
            assert isinstance(message, OutboundMessage), message
            batch.append(Ready(claim, new_id(), channel, message.subject, message.text))
        allowed = await self.outbox.begin(batch) if batch else set()
        sent = [one for one in batch if one.claim.message_id in allowed]
        self.got += [one for ready in sent if isinstance(one := made[ready.claim.message_id], OutboundMessage)]
        ended = [
            Ended(one.attempt_id, one.claim.message_id, MADE["accepted"](one.claim.message_id)) for one in sent
        ]  # fmt: skip
        if ended:
            await self.outbox.record(ended)
        return len(claims)

    async def wait(self, length: timedelta) -> list[str]:
        """Let time go by, stopping wherever something may fall due."""
        until, said = self.clock.now() + length, list[str]()
        while self.clock.now() < until:
            self.clock.advance_to(min(self.clock.now() + timedelta(hours=6), until))
            said += await self.settle()
        return said

    async def write(self, channel: str, text: str, *, settle: bool = True, **given: Any) -> list[str]:
        """The customer answers what was written to them there; gives what arrives then."""
        self.clock.advance_to(self.clock.now() + timedelta(seconds=5))
        last = next(one for one in reversed(self.got) if one.to.channel == channel)
        if channel == EMAIL:  # by the signed address that the letter came from
            given["reply_tokens"] = (last.reply_to.partition("+")[2].partition("@")[0],)
        async with self.store.read() as connection:
            config = await workspace_config(connection)
        context = replace(self.scene.context(self.clock.now()), config=config)
        async with self.store.write() as connection:
            await handle(connection, written(last.to, text, **given), context)
        return await self.settle() if settle else []

    async def press(self, channel: str, label: str) -> list[str]:
        """The customer presses the button of that label below the last message that has it."""
        button = next(
            one for message in reversed(self.got) for one in message.buttons
            if message.to.channel == channel and one.label == label
        )  # fmt: skip
        return await self.write(channel, "", button=button.value)

    async def rows(self, model: Any, **equal: Any) -> list[Any]:
        return await self.scene.all(model, **equal)

    async def first(self) -> Any:
        """The campaign's message that opened the flow."""
        rows = await self.scene.all(Message, direction="out")
        return next(row for row in rows if row.template.startswith("@"))
