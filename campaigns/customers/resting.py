"""Not now: a customer who wants to be left alone for a while, without ending anything for good."""

from datetime import datetime, timedelta

from sqlalchemy import or_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.customers.consents import end_journeys
from campaigns.responding.attribution import Attribution
from campaigns.responding.responses import Incident, log_response, settle_unknown
from core.purposes import Purpose
from storage.outbox.columns import table
from storage.statements import lock_customers
from storage.tables import Customer

NOT_NOW = "not_now"
REST = timedelta(days=30)
_CUSTOMERS = table(Customer)


async def rest(
    connection: AsyncConnection,
    customer_id: str,
    *,
    key: str,
    at: datetime,
    now: datetime,
    source: str,
    channel: str = "",
    attribution: Attribution,
    inbound_message_id: str | None = None,
) -> datetime:
    """Keep marketing from the customer until 30 days after ``at``, and give that instant.

    Their marketing journeys end, what was planned for them is cancelled. Consent stays as it is. Logged once a ``key``;
    it is no reply: nobody was won by it.
    """
    await lock_customers(connection, [customer_id], shared=False)
    until = at + REST
    longer = or_(_CUSTOMERS.c.not_now_until.is_(None), _CUSTOMERS.c.not_now_until < until)
    await connection.execute(
        update(_CUSTOMERS).where(_CUSTOMERS.c.id == customer_id, longer).values(not_now_until=until)
    )
    await log_response(
        connection,
        Incident(
            key=f"not_now:{key}", kind="not_now", customer_id=customer_id, at=at, channel=channel,
            attribution=attribution, inbound_message_id=inbound_message_id, detail={"source": source},
        ),
    )  # fmt: skip
    await settle_unknown(connection, attribution.message_id, now)
    await end_journeys(connection, customer_id, Purpose.MARKETING, NOT_NOW, now=now, detail=source)
    return until


async def wake(connection: AsyncConnection, customer_id: str) -> None:
    """The customer wants to hear from us again."""
    await connection.execute(update(_CUSTOMERS).where(_CUSTOMERS.c.id == customer_id).values(not_now_until=None))
