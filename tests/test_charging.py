"""What a provider charged is kept beside the ceiling, in the workspace's currency; who cannot say is asked again."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from campaigns.definition import Brand, Rate, WorkspaceConfig
from campaigns.live import WORKSPACE
from channels.adapter import Capabilities
from channels.twilio.charges import Charge
from core.clock import machine_now
from core.errors import TransientFailure
from core.machines.message import MessageState
from core.outcomes import OutcomeKind
from otklik.accounts import Account
from otklik.charging import settle_charges
from storage.store import Store
from storage.tables import Attempt, Customer, Hold, Identity, Message, Setting
from tests.conftest import NOW


class Bills:
    """A provider that says what messages cost."""

    account = "sms"
    capabilities = Capabilities(channel="sms", text_limit=1600)

    def __init__(self, charges: list[Charge], *, away: bool = False) -> None:
        self._charges, self._away = charges, away
        self.asked: list[tuple[datetime, datetime]] = []

    async def charges(self, since: datetime, until: datetime) -> Sequence[Charge]:
        self.asked.append((since, until))
        if self._away:
            raise TransientFailure("no answer")
        return self._charges


async def _sent(store: Store, *ago: timedelta, currency: str = "RUB") -> list[str]:
    customer = Customer(created_at=NOW, updated_at=NOW)
    identity = Identity(customer_id=customer.id, channel="sms", address="+12025550123", key="k", created_at=NOW)
    rate = Rate(from_day=date(2020, 1, 1), currency="USD", rate=Decimal(80))
    config = WorkspaceConfig(brand=Brand(name="B"), currency=currency, rates=(rate,) if currency == "RUB" else ())
    ids = []
    async with store.session() as session:
        session.add(customer)
        await session.flush()
        session.add(identity)
        session.add(Setting(name=WORKSPACE, value=config.model_dump(mode="json"), updated_at=NOW))
        await session.flush()
        for number, before in enumerate(ago):
            message = Message(
                customer_id=customer.id, identity_id=identity.id, channel="sms", account="sms", sent_at=NOW,
                provider_id=f"SM{number}", state=MessageState.DELIVERED, created_at=NOW,
            )  # fmt: skip
            began = machine_now() - before
            session.add(message)
            await session.flush()
            session.add(Attempt(message_id=message.id, fence=1, worker="w", started_at=began, ended_at=began,
                                outcome=OutcomeKind.ACCEPTED))  # fmt: skip
            session.add(Hold(message_id=message.id, customer_id=customer.id, amount_micros=1_000_000, currency=currency,
                             send_at=NOW, state="spent"))  # fmt: skip
            ids.append(message.id)
    return ids


async def _actual(store: Store, ids: list[str]) -> list[int | None]:
    async with store.session() as session:
        return [(await session.get_one(Hold, id_)).actual_micros for id_ in ids]


def _accounts(adapter: Bills) -> list[Account]:
    return [Account("sms", adapter, lambda _: [])]  # type: ignore[arg-type]


async def test_charges_are_kept_in_the_workspaces_currency(store: Store) -> None:
    ids = await _sent(store, timedelta(hours=5), timedelta(hours=2), timedelta(minutes=1), timedelta(days=4))
    charges = [Charge(f"SM{number}", Decimal("0.0079"), "USD") for number in (0, 2, 3)]
    bills = Bills([*charges, Charge("somebody else's", Decimal(9), "USD")])
    assert await settle_charges(store, _accounts(bills)) == 1
    assert await _actual(store, ids) == [632_000, None, None, None]  # too young, too old, not said yet
    assert len(bills.asked) == 2
    assert await settle_charges(store, _accounts(bills)) == 0
    assert len(bills.asked) == 3  # what is known is not asked for again


@pytest.mark.parametrize(("away", "currency"), [(True, "RUB"), (False, "EUR")], ids=["no answer", "no rate"])
async def test_what_cannot_be_told_stays_at_its_ceiling(store: Store, away: bool, currency: str) -> None:
    ids = await _sent(store, timedelta(hours=5), currency=currency)
    bills = Bills([Charge("SM0", Decimal("0.0079"), "USD")], away=away)
    assert await settle_charges(store, _accounts(bills)) == 0
    assert len(bills.asked) == 1
    assert await _actual(store, ids) == [None]
