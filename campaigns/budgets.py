"""Budgets: how much sends may cost in a period, taken in advance and never more than there is.

A batch takes a grant before it decides and returns what it did not use in the same transaction. Prices are taken at
their ceiling; what providers charged in the end is kept beside it, and more than the ceiling is shown as excess.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, case, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import Budget, WorkspaceConfig
from campaigns.periods import resolve, zone_named
from core.clock import EPOCH
from core.errors import ConfigurationError
from core.money import parse_micros
from storage.outbox.columns import table
from storage.outbox.holds import RELEASED, SPENT, give_back
from storage.statements import insert_into
from storage.tables import BudgetUse, Hold

_USES = table(BudgetUse)
_HOLDS = table(Hold)
OWN = "campaign/"
"""Before the name of a campaign: its own budget, which no shared one can be mistaken for."""


@dataclass(frozen=True, slots=True, order=True)
class Limit:
    """A budget in its present period, which began at ``period_from``: at most ``amount_micros``."""

    name: str
    period_from: datetime
    amount_micros: int


@dataclass(frozen=True, slots=True)
class BudgetState:
    """What became of a limit, in micro-units.

    ``taken`` is what was reserved at ceilings, ``held`` the part of it whose messages are not out yet. ``spent`` is
    what messages really cost, ``excess`` what they cost beyond their ceilings.
    """

    limit: Limit
    taken: int
    held: int
    spent: int
    excess: int

    @property
    def left(self) -> int:
        """What may still be taken."""
        return max(0, self.limit.amount_micros - self.taken)


def period_from(period: str, now: datetime, zone_name: str) -> datetime:
    """When the present ``period`` (total, day, week from Monday, month, year) began on the organisation's calendar."""
    if period == "total":
        return EPOCH
    zone = zone_named(zone_name)
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None, fold=0)
    match period:
        case "day":
            first = midnight
        case "week":
            first = midnight - timedelta(days=midnight.weekday())
        case "month":
            first = midnight.replace(day=1)
        case "year":
            first = midnight.replace(month=1, day=1)
        case _:
            raise ValueError(f"{period!r} is no period of a budget")
    return resolve(first, zone)


def limit_of(budget: Budget, campaign: str, config: WorkspaceConfig, now: datetime) -> Limit:
    """The limit that ``budget`` sets the campaign: its own where it has an amount, else the shared one of its name.

    Raises:
        ConfigurationError: if there is no such shared budget, or it is in a currency that is not the workspace's.
    """
    meant, name = budget, f"{OWN}{campaign}"
    if budget.amount is None:
        shared = config.budget(budget.name)
        if shared is None or shared.amount is None:
            raise ConfigurationError(f"campaign {campaign}: otklik.yaml has no budget {budget.name!r} with an amount")
        meant, name = shared, shared.name
    if meant.currency not in (None, config.currency):
        raise ConfigurationError(
            f"budget {meant.name} is in {meant.currency}, the workspace counts in {config.currency}; use that"
        )
    return Limit(name, period_from(meant.period, now, config.zone), parse_micros(str(meant.amount)))


async def grant(connection: AsyncConnection, name: str, period_from: datetime, amount: int, wanted: int) -> int:
    """Take up to ``wanted`` micro-units of a budget that has ``amount``; gives what it granted, 0 where none is left.

    Whoever takes from several budgets does so in the order of their names. What is not used goes back by
    :func:`give_back` in the same transaction.
    """
    asked = min(wanted, amount)
    if asked <= 0:
        return 0
    taken = insert_into(connection, _USES).values(budget=name, period_from=period_from, taken_micros=asked)
    more = _USES.c.taken_micros + taken.excluded.taken_micros
    statement = taken.on_conflict_do_update(
        index_elements=[_USES.c.budget, _USES.c.period_from], set_={"taken_micros": more}, where=more <= amount
    ).returning(_USES.c.taken_micros)
    if (await connection.execute(statement)).first() is not None:
        return asked
    # Not all of it is there: what is left, read under the row's lock.
    mine = and_(_USES.c.budget == name, _USES.c.period_from == period_from)
    used = await connection.scalar(select(_USES.c.taken_micros).where(mine).with_for_update())
    left = min(asked, max(0, amount - (used or 0)))
    if left:
        await connection.execute(update(_USES).where(mine).values(taken_micros=_USES.c.taken_micros + left))
    return left


async def budget_states(connection: AsyncConnection, limits: Iterable[Limit]) -> list[BudgetState]:
    """What became of each limit, by the holds of its period."""
    return [BudgetState(limit, *await _sums(connection, limit)) for limit in sorted(set(limits))]


async def _sums(connection: AsyncConnection, limit: Limit) -> tuple[int, int, int, int]:
    amount, is_spent = _HOLDS.c.amount_micros, _HOLDS.c.state == SPENT
    paid = func.coalesce(_HOLDS.c.actual_micros, amount)

    def summed(value: Any, condition: Any) -> Any:
        return func.coalesce(func.sum(case((condition, value), else_=literal(0))), 0)

    statement = select(
        func.coalesce(func.sum(amount), 0),
        summed(amount, ~is_spent),
        summed(paid, is_spent),
        summed(paid - amount, and_(is_spent, paid > amount)),
    ).where(_HOLDS.c.budget == limit.name, _HOLDS.c.period_from == limit.period_from, _HOLDS.c.state != RELEASED)
    taken, held, spent, excess = (await connection.execute(statement)).one()
    return int(taken), int(held), int(spent), int(excess)


__all__ = ["OWN", "BudgetState", "Limit", "budget_states", "give_back", "grant", "limit_of", "period_from"]
