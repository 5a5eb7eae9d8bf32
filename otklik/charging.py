"""Actual prices: what providers charged, asked for in their own lists and kept beside the ceilings."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, runtime_checkable

import structlog
from sqlalchemy import select

from campaigns.limits.prices import PriceList
from campaigns.live import workspace_config
from channels.twilio.charges import Charge
from core.clock import machine_now
from core.errors import ChannelFault, ConfigurationError, SendFailure
from core.outcomes import OutcomeKind
from otklik.accounts import Account
from storage.outbox.columns import table
from storage.outbox.holds import SPENT, settle_prices
from storage.store import Store
from storage.tables import Attempt, Hold, Message

log = structlog.get_logger(__name__)

SOONEST = timedelta(minutes=15)
"""A price is seldom known before."""
LATEST = timedelta(days=3)
"""One that is not known by then stays at its ceiling."""
STRETCH = timedelta(hours=1)
_BATCH = 5_000
_MESSAGES, _ATTEMPTS, _HOLDS = table(Message), table(Attempt), table(Hold)


@runtime_checkable
class Charges(Protocol):
    """An adapter that can say what messages cost that were sent in a stretch of time."""

    async def charges(self, since: datetime, until: datetime) -> Sequence[Charge]: ...


async def settle_charges(store: Store, accounts: Sequence[Account]) -> int:
    """Ask for the prices of what was sent lately; gives how many became known."""
    settled = 0
    for account in accounts:
        if isinstance(account.adapter, Charges):
            settled += await _of_account(store, account.adapter, account)
    return settled


async def _of_account(store: Store, adapter: Charges, account: Account) -> int:
    settled = 0
    for since, messages in (await _unpriced(store, account)).items():
        try:
            charges = await adapter.charges(since, since + STRETCH)
        except (SendFailure, ChannelFault) as error:
            log.warning("cannot ask for prices", account=account.name, error=str(error))
            return settled
        ours = [charge for charge in charges if charge.provider_id in messages]
        try:
            settled += await _keep(store, messages, ours, since)
        except ConfigurationError as error:
            log.warning("cannot convert what was charged", account=account.name, error=str(error))
            return settled
    return settled


async def _keep(store: Store, messages: Mapping[str, str], charges: Sequence[Charge], at: datetime) -> int:
    async with store.write() as connection:
        prices = PriceList.of(await workspace_config(connection), at)
        actual = {
            messages[charge.provider_id]: prices.converted(charge.amount, charge.currency, "what Twilio charges")
            for charge in charges
        }
        await settle_prices(connection, actual)
    return len(actual)


async def _unpriced(store: Store, account: Account) -> dict[datetime, dict[str, str]]:
    """Spent holds without a price: message ids by provider id, by the hour in which they were sent. Oldest first."""
    now = machine_now()
    wanted: Any = (
        select(_MESSAGES.c.id, _MESSAGES.c.provider_id, _ATTEMPTS.c.started_at)
        .join(_HOLDS, _HOLDS.c.message_id == _MESSAGES.c.id)
        .join(_ATTEMPTS, _ATTEMPTS.c.message_id == _MESSAGES.c.id)
        .where(
            _HOLDS.c.state == SPENT,
            _HOLDS.c.actual_micros.is_(None),
            _MESSAGES.c.account == account.name,
            _MESSAGES.c.provider_id.is_not(None),
            _ATTEMPTS.c.outcome == OutcomeKind.ACCEPTED,
            _ATTEMPTS.c.started_at.between(now - LATEST, now - SOONEST),
        )
        .order_by(_ATTEMPTS.c.started_at)
        .limit(_BATCH)
    )
    by_hour: dict[datetime, dict[str, str]] = defaultdict(dict)
    async with store.read() as connection:
        for row in await connection.execute(wanted):
            hour = row.started_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
            by_hour[hour][row.provider_id] = row.id
    return by_hour
