"""Where the machine is played: two customers, two agents, a flow, answers, a campaign that always wants to write."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.flows.applying import FlowsPart
from campaigns.applying import apply, version_hash
from campaigns.applying.answers import write_answers
from campaigns.composing.links import Addresses, MessageLinks
from campaigns.definition import Brand, CampaignBody, CampaignDefinition, Desk, Leg, SendStep, WorkspaceConfig
from campaigns.periods import Period
from campaigns.workspace.loader import Workspace
from core.actors import Actor
from core.addresses import identity_key
from core.agents import Presence
from core.machines.campaign import CampaignState
from core.messages import EMAIL, SMS, TELEGRAM, Address
from core.purposes import Purpose
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Agent, Campaign, CampaignVersion, Consent, Customer, Identity, Setting
from tests.bot.answers.stage import answers
from tests.bot.flows.flow_files import loaded
from tests.conftest import NOW

SECRET = "a secret of this test"
LINKS = MessageLinks(Addresses("https://links.example.com", SECRET, reply_address="shop@example.org"))
CHANNELS = (TELEGRAM, SMS, EMAIL)
BOT_SCOPE = "42"
AGENTS = ("ann", "bob")
USERS = {"ann": "5550111", "bob": "5550122"}
ROOM = 2
"""Chats that an agent may have at once."""
SERIES = "series"
FLOW = """
flow: shop
on: {words: [shop]}
timeout: 2h
steps:
  - ask: topic
    say: What is it?
    choices: {refund: A refund, other: Other}
    no_answer: late
  - ask: more
    say: Tell us more.
    no_answer: late
  - say: Thank you for all that.
    then: end
  - id: late
    say: Are you there?
"""


class Cut(BaseException):
    """The process ends here, with its transaction open."""


class Cuttable:
    """A store whose next transactions may be cut: ``after`` that many more, the next one never commits."""

    def __init__(self, store: Store) -> None:
        self.whole = store
        self.after: int | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.whole, name)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Any]:
        async with self.whole.write() as connection:
            yield connection
            if self.after is not None:
                self.after -= 1
                if self.after < 0:
                    self.after = None
                    raise Cut


@dataclass(frozen=True)
class Person:
    """A customer with an address a channel; ``places`` are the identities by channel."""

    id: str
    addresses: dict[str, Address]
    places: dict[str, str]


@dataclass(frozen=True)
class Cast:
    """Who takes part."""

    people: tuple[Person, ...]
    agents: dict[str, str]
    campaign: Campaign
    definition: CampaignDefinition


def config_of(nobody: str) -> WorkspaceConfig:
    desk = Desk.model_validate({"nobody": nobody, "patience": Period(10, "m"), "queues": {"main": {}}})
    return WorkspaceConfig(brand=Brand(name="Lantern Books"), desk=desk)


async def set_up(store: Store, folder: Path) -> Cast:
    """Fill an empty store."""
    config = config_of("wait")
    nothing = Workspace(config=config, segments={}, campaigns={})
    await apply(store, nothing, Actor("operator", "x"), NOW, parts=[FlowsPart(loaded(folder, shop=FLOW))])
    async with store.write() as connection:
        await write_answers(connection, answers(), NOW)
    made = {
        name: Agent(
            name=name, email=f"{name}@example.com", presence=Presence.ONLINE, capacity=ROOM, telegram=USERS[name],
            created_at=NOW,
        )
        for name in AGENTS
    }  # fmt: skip
    async with store.session() as session:
        session.add_all(made.values())
        people = [await _person(session, number) for number in range(2)]
        campaign, definition = await _series(session)
    return Cast(tuple(people), {name: agent.id for name, agent in made.items()}, campaign, definition)


async def say_nobody(store: Store, nobody: str) -> None:
    """What happens with nobody online: they wait on, or the bot has them again."""
    settings = table(Setting)
    value = config_of(nobody).model_dump(mode="json")
    async with store.write() as connection:
        await connection.execute(settings.update().where(settings.c.name == "workspace").values(value=value))


async def _person(session: Any, number: int) -> Person:
    customer = Customer(external_id=f"c{number}", locale="en", zone="Europe/London", created_at=NOW, updated_at=NOW)
    session.add(customer)
    await session.flush()
    addresses = {
        TELEGRAM: Address(TELEGRAM, str(7001 + number), BOT_SCOPE),
        SMS: Address(SMS, f"+1202555010{number}"),
        EMAIL: Address(EMAIL, f"p{number}@example.org"),
    }
    places = {
        channel: Identity(
            customer_id=customer.id, channel=channel, scope=one.scope, address=one.value, key=identity_key(one),
            verified=True, created_at=NOW,
        )
        for channel, one in addresses.items()
    }  # fmt: skip
    session.add_all(places.values())
    await session.flush()
    session.add_all(Consent(identity_id=one.id, purpose="marketing", granted=True, at=NOW) for one in places.values())
    return Person(customer.id, addresses, {channel: one.id for channel, one in places.items()})


async def _series(session: Any) -> tuple[Campaign, CampaignDefinition]:
    """Four messages that no reply ends, so that it always wants to write."""
    steps = tuple(
        SendStep(
            id=f"s{number}", main=Leg(channel=(TELEGRAM, SMS)[number % 2], template="t"), wait=Period(2, "h"),
            until=frozenset(), expires=Period(5, "d"),
        )
        for number in range(4)
    )  # fmt: skip
    definition = CampaignDefinition(
        name=SERIES, purpose=Purpose.MARKETING, audience="", steps=steps, reentry=Period(1, "h")
    )
    body = CampaignBody(definition=definition, templates={"t/sms.txt": "series", "t/telegram.txt": "series"})
    version = version_hash(body)
    campaign = Campaign(name=SERIES, version=version, state=CampaignState.ACTIVE, created_at=NOW, updated_at=NOW)
    session.add(campaign)
    await session.flush()
    session.add(CampaignVersion(hash=version, campaign_id=campaign.id, body=body.as_json(), created_at=NOW))
    return campaign, definition
