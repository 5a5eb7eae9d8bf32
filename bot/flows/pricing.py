"""What flows' messages cost in a simulation: held when they are planned, as campaigns' are; no budget gives it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.flows.carrying import Place
from bot.flows.speaking import Surroundings
from campaigns.limits.prices import PriceList
from campaigns.live import workspace_config
from campaigns.templates.adapting import Envelope, adapt
from campaigns.templates.content import Rendered
from campaigns.templates.errors import TemplateFailure
from core.addresses import phone_country
from core.messages import SMS, WHATSAPP
from core.sms import sms_parts
from storage.outbox.columns import table
from storage.outbox.holds import HELD
from storage.statements import insert_missing
from storage.tables import Hold, Identity, Message

_MESSAGES, _IDENTITIES, _HOLDS = table(Message), table(Identity), table(Hold)


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a flow says; ``token`` names the message that was planned."""

    token: str
    place: Place
    around: Surroundings
    content: Rendered


async def hold_prices(connection: AsyncConnection, spoken: Sequence[Spoken], now: datetime) -> None:
    """Note the price of each of these messages, which stand in the store."""
    if not spoken:
        return
    config = await workspace_config(connection)
    prices = PriceList.of(config, now)
    by_token = {one.token: one for one in spoken}
    rows = await connection.execute(
        select(_MESSAGES.c.id, _MESSAGES.c.client_token, _MESSAGES.c.customer_id, _IDENTITIES.c.address)
        .join(_IDENTITIES, _IDENTITIES.c.id == _MESSAGES.c.identity_id)
        .where(
            _MESSAGES.c.conversation_id.in_({one.place.conversation_id for one in spoken}),
            _MESSAGES.c.client_token.in_(sorted(by_token)),
        )
    )
    holds = []
    for row in rows:
        one = by_token[row.client_token]
        channel, parts = one.place.channel, _parts(one)
        country = ""
        if config.policy(channel).prices:
            own = str(one.around.customer.get("country") or "")
            country = own or (phone_country(row.address) if channel in (SMS, WHATSAPP) else "")
        holds.append(
            {
                "message_id": row.id, "customer_id": row.customer_id, "budget": "", "period_from": None,
                "shared_budget": "", "shared_from": None, "amount_micros": prices.price(channel, country, parts),
                "actual_micros": None, "parts": parts, "currency": config.currency, "send_at": now, "state": HELD,
            }
        )  # fmt: skip
    await insert_missing(connection, _HOLDS, holds)


def _parts(one: Spoken) -> int:
    """The parts of an SMS; one of anything else."""
    if one.place.channel != SMS:
        return 1
    try:
        return max(1, sms_parts(adapt(one.content, Envelope(SMS, one.around.brand)).text).parts)
    except TemplateFailure:
        return 1
