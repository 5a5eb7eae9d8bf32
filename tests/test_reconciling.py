"""Unknown sends are settled by the provider's own list only where it was asked for, and only by a single match."""

from datetime import timedelta
from typing import Any

import pytest

from campaigns.definition import Brand, ChannelPolicy, WorkspaceConfig
from campaigns.gates import DISPATCH_GATES
from campaigns.live import WORKSPACE
from channels.adapter import Capabilities
from channels.twilio.reconciling import MessageFacts
from core.clock import VirtualClock, machine_now
from core.machines.message import MessageState
from otklik.accounts import Account
from otklik.reconciling import reconcile
from storage.outbox.outbox import Outbox
from storage.store import Store
from storage.tables import Attempt, Customer, Identity, Message, Setting
from tests.conftest import NOW


class ListsMessages:
    """A provider that knows some messages by their recipient."""

    account = "sms"
    capabilities = Capabilities(channel="sms", text_limit=1600)

    def __init__(self, known: dict[str, str]) -> None:
        self.known = known
        self.asked: list[MessageFacts] = []

    async def find(self, facts: MessageFacts) -> str | None:
        self.asked.append(facts)
        return self.known.get(facts.message.to.value)


async def _unknown_send(store: Store, policy: str) -> str:
    customer = Customer(created_at=NOW, updated_at=NOW)
    identity = Identity(customer_id=customer.id, channel="sms", address="+12025550123", key="k", created_at=NOW)
    message = Message(
        customer_id=customer.id, identity_id=identity.id, channel="sms", account="sms", state=MessageState.UNKNOWN,
        body="Hello", sent_at=NOW, created_at=NOW, fence=1,
    )  # fmt: skip
    began = machine_now() - timedelta(minutes=5)
    config = WorkspaceConfig(brand=Brand(name="B"), channels={"sms": ChannelPolicy(on_unknown=policy)})  # type: ignore[arg-type]
    async with store.session() as session:
        session.add(customer)
        await session.flush()
        session.add(identity)
        await session.flush()
        session.add(message)
        await session.flush()
        session.add(Attempt(message_id=message.id, fence=1, worker="gone", started_at=began))
        session.add(Setting(name=WORKSPACE, value=config.model_dump(mode="json"), updated_at=NOW))
    return message.id


async def _state(store: Store, message_id: str) -> tuple[Any, str | None]:
    async with store.session() as session:
        message = await session.get(Message, message_id)
        assert message is not None
        return message.state, message.provider_id


@pytest.mark.parametrize(
    ("policy", "known", "settled"),
    [
        ("reconcile", {"+12025550123": "SM1"}, True),
        ("reconcile", {}, False),
        ("hold", {"+12025550123": "SM1"}, False),
    ],
)
async def test_only_a_match_and_only_when_told_to(
    store: Store, clock: VirtualClock, policy: str, known: dict[str, str], *, settled: bool
) -> None:
    message_id = await _unknown_send(store, policy)
    adapter = ListsMessages(known)
    account = Account("sms", adapter, lambda _: [])  # type: ignore[arg-type]
    outbox = Outbox(store, clock, DISPATCH_GATES, worker="w")
    assert await reconcile(store, [account], outbox) == int(settled)
    expected = (MessageState.ACCEPTED, "SM1") if settled else (MessageState.UNKNOWN, None)
    assert await _state(store, message_id) == expected
    assert bool(adapter.asked) == (policy == "reconcile")
