"""What a campaign cost: what providers charged where that is known, else the ceilings of ``otklik.yaml``."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import CampaignDefinition
from campaigns.limits.budgets import BudgetState, budget_states, limits_of
from campaigns.live import workspace_config
from core.money import Money
from storage.outbox.columns import table
from storage.outbox.holds import HELD, SPENT
from storage.tables import Hold, Message

_HOLDS, _MESSAGES = table(Hold), table(Message)


@dataclass(frozen=True, slots=True)
class Spending:
    """Money of one campaign, a sum a currency. ``reserved`` is for messages that are not out yet.

    ``excess`` is what providers charged beyond the ceilings. ``budgets`` are the limits of this period.
    """

    spent: Sequence[Money] = ()
    reserved: Sequence[Money] = ()
    excess: Sequence[Money] = ()
    budgets: Sequence[BudgetState] = ()
    currency: str = ""
    """What the workspace, and so its budgets, count in."""


async def campaign_spending(
    connection: AsyncConnection, campaign_id: str, definition: CampaignDefinition, now: datetime
) -> Spending:
    """The spending ledger of a campaign: always the sum of its messages' holds."""
    amount, paid = _HOLDS.c.amount_micros, func.coalesce(_HOLDS.c.actual_micros, _HOLDS.c.amount_micros)
    is_spent = _HOLDS.c.state == SPENT
    rows = (
        await connection.execute(
            select(
                _HOLDS.c.currency,
                func.sum(case((is_spent, paid), else_=0)).label("spent"),
                func.sum(case((_HOLDS.c.state == HELD, amount), else_=0)).label("reserved"),
                func.sum(case((is_spent & (paid > amount), paid - amount), else_=0)).label("excess"),
            )
            .join(_MESSAGES, _MESSAGES.c.id == _HOLDS.c.message_id)
            .where(_MESSAGES.c.campaign_id == campaign_id)
            .group_by(_HOLDS.c.currency)
            .order_by(_HOLDS.c.currency)
        )
    ).all()

    def sums(name: str) -> list[Money]:
        found = [Money(int(getattr(row, name)), row.currency) for row in rows]
        return [money for money in found if money.micros]

    budget, config = definition.budget, await workspace_config(connection)
    limits = limits_of(budget, definition.name, config, now) if budget else ()
    budgets = await budget_states(connection, limits)
    return Spending(sums("spent"), sums("reserved"), sums("excess"), budgets, config.currency)
