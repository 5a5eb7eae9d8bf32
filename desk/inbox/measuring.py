"""What an answer comes to before it is sent: how many SMS, at which price."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.limits.prices import PriceList
from core.messages import SMS
from core.money import Money
from core.sms import sms_parts
from storage.outbox.columns import table
from storage.tables import Customer, Identity

_CUSTOMERS, _IDENTITIES = table(Customer), table(Identity)


@dataclass(frozen=True, slots=True)
class Measured:
    """How many SMS a text becomes and the most that they cost; ``price`` is None where none is configured."""

    parts: int
    price: Money | None


async def measured(connection: AsyncConnection, prices: PriceList, identity_id: str, text: str) -> Measured | None:
    """For a text to that address; None where it is no SMS."""
    row = (
        await connection.execute(
            select(_IDENTITIES.c.channel, _CUSTOMERS.c.country)
            .join(_CUSTOMERS, _CUSTOMERS.c.id == _IDENTITIES.c.customer_id)
            .where(_IDENTITIES.c.id == identity_id)
        )
    ).first()
    if row is None or row.channel != SMS:
        return None
    parts = sms_parts(text.strip()).parts
    micros = prices.price(SMS, row.country, parts)
    return Measured(parts, Money(micros, prices.config.currency) if micros else None)
