"""Money held for messages: every hold is released or spent here, so that a budget's use is always the sum of its holds.

A hold that is released returns what it took from its budget in the same transaction. Budgets are touched last, in the
order of their names: whoever takes several locks takes these after customers, journeys and messages.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Row, String, bindparam, exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.machines.message import MessageState
from storage.given import IDS, given, given_ids, run_given
from storage.outbox.columns import table
from storage.tables import BudgetUse, Hold, Message
from storage.types import Instant

HELD, SPENT, RELEASED = "held", "spent", "released"
ENDED_UNSENT = (MessageState.REJECTED, MessageState.CANCELLED, MessageState.SKIPPED)
"""Where a message ends that never left: its money is free again."""

_HOLDS = table(Hold)
_MESSAGES = table(Message)
_USES = table(BudgetUse)
_TAKEN_FROM = (
    _HOLDS.c.budget, _HOLDS.c.period_from, _HOLDS.c.shared_budget, _HOLDS.c.shared_from, _HOLDS.c.amount_micros,
)  # fmt: skip

_RELEASED = (
    update(_HOLDS)
    .where(
        given_ids(_HOLDS.c.message_id),
        _HOLDS.c.state == HELD,
        exists(
            select(_MESSAGES.c.id).where(_MESSAGES.c.id == _HOLDS.c.message_id, _MESSAGES.c.state.in_(ENDED_UNSENT))
        ),
    )
    .values(state=RELEASED)
    .returning(*_TAKEN_FROM)
)
_SPENT = update(_HOLDS).where(given_ids(_HOLDS.c.message_id), _HOLDS.c.state == HELD).values(state=SPENT)
_SPENT_AFTER_ALL = (
    update(_HOLDS)
    .where(given_ids(_HOLDS.c.message_id), _HOLDS.c.state == RELEASED)
    .values(state=SPENT)
    .returning(*_TAKEN_FROM)
)
_MORE = (
    update(_USES)
    .where(
        _USES.c.budget == bindparam("name", type_=String()),
        _USES.c.period_from == bindparam("from", type_=Instant()),
    )
    .values(taken_micros=_USES.c.taken_micros + bindparam("more", type_=BigInteger()))
)


async def release(connection: AsyncConnection, message_ids: Sequence[str]) -> None:
    """Free the money of those of the messages that ended without leaving; the others keep theirs."""
    if message_ids:
        rows = (await connection.execute(_RELEASED, {IDS: list(message_ids)})).all()
        await _change(connection, rows, -1)


async def spend(connection: AsyncConnection, message_ids: Sequence[str]) -> None:
    """The messages left: their money is spent.

    One that was thought not to have left had given its money back. It takes it again, also from a budget that has no
    room any more: what was spent was spent.
    """
    if not message_ids:
        return
    spent = await connection.execute(_SPENT, {IDS: list(message_ids)})
    if spent.rowcount < len(message_ids):
        rows = (await connection.execute(_SPENT_AFTER_ALL, {IDS: list(message_ids)})).all()
        await _change(connection, rows, 1)


async def hold_again(connection: AsyncConnection, message_id: str, new_message_id: str, send_at: datetime) -> None:
    """The money of a message that is sent once more: its hold was just released, and is taken again for the new one."""
    hold = (await connection.execute(_HOLDS.select().where(_HOLDS.c.message_id == message_id))).first()
    if hold is None:
        return
    again = {"message_id": new_message_id, "send_at": send_at, "state": HELD, "actual_micros": None}
    await connection.execute(_HOLDS.insert(), {**hold._mapping, **again})  # noqa: SLF001  public API of Row
    await _change(connection, [hold], 1)


async def give_back(connection: AsyncConnection, taken: Mapping[tuple[str, datetime], int]) -> None:
    """Return what was taken and not used, in micro-units, by (budget, its period's beginning)."""
    for (budget, period_from), micros in sorted(taken.items()):
        if micros:
            await connection.execute(_MORE, {"name": budget, "from": period_from, "more": -micros})


async def settle_prices(connection: AsyncConnection, actual: Mapping[str, int]) -> None:
    """Keep what providers say that messages cost, in micro-units of the workspace's currency, by message id."""
    rows = [{"message_id": id_, "actual_micros": micros} for id_, micros in actual.items()]
    given_rows = given(connection.dialect.name, {name: _HOLDS.c[name].type for name in ("message_id", "actual_micros")})
    settled = update(_HOLDS).where(_HOLDS.c.message_id == given_rows.c.message_id)
    await run_given(connection, settled.values(actual_micros=given_rows.c.actual_micros), rows)


async def _change(connection: AsyncConnection, rows: Iterable[Row[Any]], sign: int) -> None:
    taken: dict[tuple[str, datetime], int] = defaultdict(int)
    for row in rows:
        for budget, began in ((row.budget, row.period_from), (row.shared_budget, row.shared_from)):
            if budget:
                taken[budget, began] -= sign * row.amount_micros
    await give_back(connection, taken)
