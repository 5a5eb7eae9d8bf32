"""Handled in a batch or one by one: the same rows, whatever people write and however the batches fall."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, update

from bot import processing
from bot.deliveries import Delivery
from bot.processing import Processor
from campaigns.composing.links import CHOICE
from core.addresses import identity_key
from core.clock import VirtualClock
from core.ids import new_id
from core.machines.conversation import ConversationState
from core.machines.message import MessageState
from core.messages import (
    EMAIL,
    SMS,
    TELEGRAM,
    WHATSAPP,
    Address,
    Attachment,
    ChannelEvent,
    InboundMessage,
    RawInbound,
    ReachabilityChanged,
)
from core.tokens import Signer
from storage.intake import Intake
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import (
    Agent,
    Command,
    Consent,
    Conversation,
    ConversationEvent,
    Customer,
    Enrolment,
    EnrolmentHistory,
    Hold,
    Identity,
    Inbound,
    Message,
    MessageChoice,
    Response,
)
from tests.bot.scene import DAY, SECRET, Person, Scene, body
from tests.conftest import NOW

PEOPLE, STRANGERS = 6, 3
QUEUED, SNOOZED = ConversationState.QUEUED, ConversationState.SNOOZED


@dataclass(frozen=True)
class Act:
    """Something that somebody of a town does; strangers count on after the people."""

    who: int
    what: str
    repeats: bool = False


WORDS = (
    "hello", "hello", "Good day, I would like to know more", "1", "2.", "Yes", "no", "stop", "START", "help", "later",
    "/start", "quote", "quote yes", "token", "token of a stop", "token of another", "press", "file", "blocked", "back",
    "from Tokyo", "from Paris", "Где мой заказ, скажите пожалуйста?",
)  # fmt: skip
ZONES = {"from Tokyo": "Asia/Tokyo", "from Paris": "Europe/Paris"}
ACTS = st.builds(
    Act,
    who=st.integers(0, PEOPLE + STRANGERS - 1),
    what=st.sampled_from(WORDS),
    repeats=st.integers(0, 4).map(lambda n: n == 0),
)


class OneByOne(Processor):
    """As it was before batches."""

    async def _plain(self, batch: Sequence[Delivery], config: Any, **_: Any) -> tuple[int, Sequence[Delivery]]:
        return 0, batch


class Loud:
    """A log that must not be told of a batch that failed."""

    def info(self, *_: Any, **__: Any) -> None: ...

    def warning(self, event: str, **said: Any) -> None:
        raise AssertionError(f"{event}: {said}")


@dataclass
class Town:
    """A few people, alike in each town: with and without journeys, conversations and choices."""

    scene: Scene
    name: str
    people: list[Person] = field(default_factory=list)
    offers: list[str] = field(default_factory=list)
    deliveries: dict[str, list[ChannelEvent]] = field(default_factory=dict)

    async def settle(self, campaigns: Sequence[tuple[str, str]]) -> None:
        for number in range(PEOPLE):
            person = await self.scene.person()
            self.people.append(person)
            await self._journeys(person, number, campaigns)
        await self._more()

    async def _journeys(self, person: Person, number: int, campaigns: Sequence[tuple[str, str]]) -> None:
        scene, (answered, series) = self.scene, campaigns
        told: dict[str, Any] = {"channel": TELEGRAM, "provider_id": f"{self.name}:{number}"}
        if number < 2:
            enrolment = await scene.enrol(person, answered)
            state = MessageState.UNKNOWN if number else MessageState.DELIVERED
            offer = await scene.message(person, enrolment, campaign=answered, state=state, **told)
            await scene.message(
                person, enrolment, campaign=answered, step="second", state=MessageState.PLANNED, sent_at=None,
                channel=TELEGRAM, current=False,
            )  # fmt: skip
        else:  # sent before the window, so that only a quote is credited with it
            enrolment = await scene.enrol(person, answered)
            offer = await scene.message(person, enrolment, campaign=answered, sent_at=NOW - 20 * DAY, **told)
        self.offers.append(offer)
        if number == 1:
            other = await scene.enrol(person, series)
            await scene.message(person, other, campaign=series, channel=TELEGRAM, sent_at=NOW - 2 * DAY)

    async def _more(self) -> None:
        """Choices under each offer; chats that an agent has, one blocked, and two that are over."""
        async with self.scene.store.write() as connection:
            for offer in self.offers:
                words = (("Yes, please", "buy"), ("No", "no"), ("Stop it", "stop"))
                rows = [
                    {"message_id": offer, "number": number, "label": label, "value": value}
                    for number, (label, value) in enumerate(words, 1)
                ]
                await connection.execute(insert(table(MessageChoice)), rows)
            over = ConversationState.RESOLVED
            for person, (state, at) in zip(
                self.people,
                ((ConversationState.ASSIGNED, NOW - DAY), (over, NOW - DAY), (over, NOW - 40 * DAY)),
                strict=False,
            ):
                chat = Conversation(customer_id=person.id, state=state, channel=TELEGRAM, opened_at=at, last_at=at)
                await connection.execute(insert(table(Conversation)), [chat.model_dump()])
            for person, state, more in zip(
                self.people[3:], (QUEUED, SNOOZED, ConversationState.ASSIGNED),
                ({"waiting_since": NOW - DAY}, {"snoozed_until": NOW + DAY}, {"blocked_at": NOW - DAY}), strict=True,
            ):  # fmt: skip
                chat = Conversation(
                    customer_id=person.id, state=state, channel=TELEGRAM, opened_at=NOW - DAY, last_at=NOW - DAY, **more
                )
                await connection.execute(insert(table(Conversation)), [chat.model_dump()])

    def address(self, who: int) -> Address:
        if who < PEOPLE:
            return self.people[who].telegram
        channel = (TELEGRAM, WHATSAPP, SMS)[who - PEOPLE]
        return Address(channel, f"{self.name}-{who}", "42" if channel == TELEGRAM else "")

    def event(self, number: int, act: Act) -> ChannelEvent:
        """What ``act`` is as a provider tells it; the repeats of one person are one message."""
        address, key = self.address(act.who), f"{self.name}/{f'of {act.who}' if act.repeats else number}"
        said = InboundMessage(
            address.channel, key, address, act.what, sender_name="Ana Lee", message_id=key, locale="en",
            zone=ZONES.get(act.what, ""),
        )  # fmt: skip
        offer = self.offers[act.who % PEOPLE]
        match act.what.split():
            case ["quote", *words]:
                quoted = f"{self.name}:{act.who % PEOPLE}"
                return replace(said, text=" ".join(words) or "what of this?", in_reply_to=quoted, account=TELEGRAM)
            case ["token", *words]:
                of = self.offers[(act.who + 1) % PEOPLE] if words[-1:] == ["another"] else offer
                choice = 3 if words[-1:] == ["stop"] else 1
                return replace(said, text="", button=Signer(SECRET, CHOICE).sign(f"{of}{choice:02}"))
            case ["press"]:
                return replace(said, text="More", button="buy")
            case ["file"]:
                return replace(said, text="", attachments=(Attachment("a.txt", "text/plain", 1, content=b"a"),))
            case ["blocked" | "back" as what]:
                return ReachabilityChanged(address.channel, key, address, what == "back")
            case _:
                return said

    async def receive(self, acts: Sequence[Act]) -> None:
        """Store a delivery for each act, a minute apart."""
        clock = VirtualClock(NOW - timedelta(hours=1))
        async with Intake(self.scene.store, clock) as intake:
            for number, act in enumerate(acts):
                key = f"{self.name}#{number}"
                self.deliveries[key] = [self.event(number, act)]
                clock.advance_to(NOW - timedelta(minutes=60 - number))
                await intake.store([RawInbound(self.name, TELEGRAM, key, b"{}")])

    def parse(self, raw: RawInbound) -> list[ChannelEvent]:
        return self.deliveries[raw.key]

    async def process(self, kind: type[Processor], limits: Sequence[int]) -> None:
        work = kind(self.scene.store, {self.name: self.parse}, VirtualClock(NOW), SECRET)
        turn = 0
        while await work.pending():
            assert await work.run_once(limits[turn % len(limits)])
            turn += 1

    async def rows(self) -> dict[str, list[Any]]:
        """All that is kept of this town, under names that another town's rows have as well."""
        addresses = {self.address(who): who for who in range(PEOPLE + STRANGERS)}
        known = {identity_key(address): who for address, who in addresses.items()}
        async with self.scene.store.read() as connection:

            async def read(model: Any, column: str, values: Iterable[Any]) -> list[dict[str, Any]]:
                rows = table(model)
                found = await connection.execute(select(rows).where(rows.c[column].in_(list(values))))
                return [dict(row._mapping) for row in found]

            identities = await read(Identity, "key", known)
            names = {row["customer_id"]: f"customer {known[row['key']]}" for row in identities}
            names |= {row["id"]: f"identity {known[row['key']]}" for row in identities}
            for who, person in enumerate(self.people):
                names |= {person.identities[EMAIL]: f"mail of {who}", person.telegram.value: f"address {who}"}
            customers = [id_ for id_, name in names.items() if name.startswith("customer ")]
            kept = {Customer: await read(Customer, "id", customers), Identity: identities}
            for model in (Conversation, ConversationEvent, Message, Response, Enrolment, Hold):
                kept[model] = await read(model, "customer_id", customers)
            kept[Consent] = await read(Consent, "identity_id", [row["id"] for row in identities])
            kept[EnrolmentHistory] = await read(EnrolmentHistory, "enrolment_id", [r["id"] for r in kept[Enrolment]])
            kept[Command] = [
                row for row in (dict(one._mapping) for one in await connection.execute(select(table(Command))))
                if row["payload"].get("enrolment_id", row["payload"].get("message_id"))
                in {one["id"] for one in (*kept[Enrolment], *kept[Message])}
            ]  # fmt: skip
            kept[Inbound] = await read(Inbound, "account", [self.name])
        for model, natural in (
            (Enrolment, ("customer_id", "campaign_id")),
            (Conversation, ("customer_id", "opened_at")),
            (Message, ("customer_id", "direction", "provider_id", "step", "client_token", "created_at")),
            (Response, ("customer_id", "at", "key")),
        ):
            named = [(self._plain([row[name] for name in natural], names), row["id"]) for row in kept[model]]
            names |= {id_: f"{model.__tablename__} {key}" for key, id_ in named}
        return {
            model.__tablename__: sorted(
                (self._plain({n: v for n, v in row.items() if n not in _DIFFER}, names) for row in rows), key=repr
            )
            for model, rows in kept.items()
        }

    def _plain(self, value: Any, names: Mapping[str, str]) -> Any:
        """``value`` with names in the place of ids and of what only this town is called."""
        if isinstance(value, dict):
            return {name: self._plain(item, names) for name, item in value.items()}
        if isinstance(value, (list, tuple)):
            return sorted((self._plain(item, names) for item in value), key=repr)
        if isinstance(value, str):
            for id_, name in names.items():
                value = value.replace(id_, name)
            return value.replace(self.name, "town")
        return value.isoformat() if isinstance(value, datetime) else value


_DIFFER = {"draw", "external_id", "search", "key", "address", "changed_at", "id", "payload"}
"""Columns that tell the towns apart or hold chance; a payload is compared by the rows that it leads to."""


@pytest.mark.parametrize("store_url", ["sqlite", "postgresql"], indirect=True)
@settings(
    max_examples=25,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
@given(
    acts=st.lists(ACTS, min_size=1, max_size=16),
    limits=st.lists(st.integers(1, 12), min_size=1, max_size=3),
    together=st.integers(1, 12),
    staffed=st.booleans(),
)
async def test_both_ways_leave_the_same_rows(
    store: Store, acts: list[Act], limits: list[int], together: int, *, staffed: bool
) -> None:
    scene = Scene(store)
    await _staff(scene, staffed=staffed)
    scene._count = int(new_id()[:10], 32) % 10**9
    campaigns = [await _campaign(scene, f"w{new_id()}", {"reply"}), await _campaign(scene, f"s{new_id()}", set())]
    left: dict[type[Processor], dict[str, list[Any]]] = defaultdict(dict)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(processing, "PLAIN_TOGETHER", together)
        patched.setattr(processing, "log", Loud())
        for kind in (Processor, OneByOne):
            town = Town(scene, new_id())
            await town.settle(campaigns)
            await town.receive(acts)
            await town.process(kind, limits)
            left[kind] = await town.rows()
            await _all_over(scene)
    for name, rows in left[OneByOne].items():
        assert left[Processor][name] == rows, name


async def _campaign(scene: Scene, name: str, until: set[str]) -> tuple[str, str]:
    return await scene.campaign(body(name, until=frozenset(until)))


async def _all_over(scene: Scene) -> None:
    """Nobody waits any more: how many do is part of what the next are promised."""
    async with scene.store.write() as connection:
        await connection.execute(update(table(Conversation)).values(state=ConversationState.RESOLVED))


async def _staff(scene: Scene, *, staffed: bool) -> None:
    """One agent who may answer, or nobody."""
    async with scene.store.write() as connection:
        agent = Agent(name="Ann", email=f"{new_id()}@example.com", created_at=NOW).model_dump()
        await connection.execute(table(Agent).delete())
        if staffed:
            await connection.execute(insert(table(Agent)), [agent])
