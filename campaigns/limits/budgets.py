"""Budgets: how much sends may cost in a period, taken in advance and never more than there is.

A batch takes a grant before it decides and returns what it did not use in the same transaction. Prices are taken at
their ceiling; what providers charged in the end is kept beside it, and more than the ceiling is shown as excess.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import structlog
from sqlalchemy import and_, case, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import Budget, WorkspaceConfig
from campaigns.periods import resolve, zone_named
from core.clock import EPOCH
from core.money import parse_micros
from storage.outbox.columns import table
from storage.outbox.holds import RELEASED, SPENT, give_back
from storage.statements import insert_into
from storage.tables import BudgetUse, Hold

log = structlog.get_logger(__name__)

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

    @property
    def key(self) -> tuple[str, datetime]:
        """What its use is counted under."""
        return self.name, self.period_from


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


def limits_of(budget: Budget, campaign: str, config: WorkspaceConfig, now: datetime) -> tuple[Limit, ...]:
    """The limits that ``budget`` sets the campaign, all of which must have room: one, or its own and a shared one.

    A budget without an amount is the shared one of its name. A shared one that is not there any more, or in another
    currency than the workspace's, has nothing to give: only what is free is sent, and the log says why.
    """
    own, shared = (budget, budget.within) if budget.amount is not None else (None, budget.name)
    limits = []
    if own is not None:
        limits.append(_limit(f"{OWN}{campaign}", own, config, now))
    if shared:
        limits.append(_limit(shared, config.budget(shared), config, now))
    return tuple(limits)


def _limit(name: str, budget: Budget | None, config: WorkspaceConfig, now: datetime) -> Limit:
    if budget is None or budget.amount is None:
        _warn(f"otklik.yaml has no budget {name!r}, which a campaign spends from")
        return Limit(name, EPOCH, 0)
    began = period_from(budget.period, now, config.zone)
    if budget.currency not in (None, config.currency):
        _warn(f"budget {name!r} is in {budget.currency}, the workspace counts in {config.currency}")
        return Limit(name, began, 0)
    return Limit(name, began, parse_micros(str(budget.amount)))


@lru_cache(maxsize=256)
def _warn(what: str) -> None:
    """Once a process."""
    log.warning("nothing is paid from this budget", why=what)


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
    ).where(
        or_(
            and_(_HOLDS.c.budget != "", _HOLDS.c.budget == limit.name, _HOLDS.c.period_from == limit.period_from),
            and_(
                _HOLDS.c.shared_budget != "",
                _HOLDS.c.shared_budget == limit.name,
                _HOLDS.c.shared_from == limit.period_from,
            ),
        ),
        _HOLDS.c.state != RELEASED,
    )
    taken, held, spent, excess = (await connection.execute(statement)).one()
    return int(taken), int(held), int(spent), int(excess)


__all__ = ["OWN", "BudgetState", "Limit", "budget_states", "give_back", "grant", "limits_of", "period_from"]
