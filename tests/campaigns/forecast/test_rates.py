"""How many answer: the campaign's own past once it is long enough, else what staff expects."""

import pytest

from campaigns.definition import Brand, WorkspaceConfig
from campaigns.forecast.rates import ENOUGH, answer_rates
from core.ids import new_id
from core.machines.message import MessageState
from core.messages import EMAIL, SMS
from core.purposes import Purpose
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Campaign, Message, Response
from tests.campaigns.forecast.town import resident
from tests.conftest import NOW

CONFIG = WorkspaceConfig(brand=Brand(name="Lantern Books"))


async def _sent(store: Store, campaign: str, number: int, answered: int) -> None:
    messages = [
        Message(
            customer_id=resident(1), identity_id=f"e{1:025d}", channel=EMAIL, purpose=Purpose.MARKETING,
            campaign_id=campaign, step="letter", leg="main", template="t", send_at=NOW, not_before=NOW, not_after=NOW,
            created_at=NOW, state=MessageState.DELIVERED,
        )
        for _ in range(number)
    ]  # fmt: skip
    responses = [
        Response(
            key=new_id(), customer_id=resident(1), campaign_id=campaign, message_id=message.id, kind=kind, at=NOW,
            channel=EMAIL,
        )
        for message in messages[:answered]
        for kind in ("open", "click", "reply")
    ]  # fmt: skip
    async with store.write() as connection:
        for rows in (messages, responses):
            for row in rows:
                await connection.execute(table(type(row)).insert(), row.model_dump())


@pytest.mark.parametrize(
    ("number", "answered", "share", "known"), [(ENOUGH, 20, 0.2, True), (ENOUGH - 1, 20, 0.05, False)]
)
async def test_the_own_past_counts_once_it_is_long_enough(
    town: Store, number: int, answered: int, share: float, known: bool
) -> None:
    row = Campaign(name="winback", version="v", created_at=NOW, updated_at=NOW)
    async with town.write() as connection:
        await connection.execute(table(Campaign).insert(), row.model_dump())
    await _sent(town, row.id, number, answered)
    async with town.read() as connection:
        rates = await answer_rates(connection, row.id, (EMAIL, SMS), CONFIG)
    assert (rates[EMAIL].share, rates[EMAIL].known) == (pytest.approx(share), known)
    assert (rates[SMS].share, rates[SMS].known) == (0.05, False)
