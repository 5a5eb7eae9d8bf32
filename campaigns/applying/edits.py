"""What a new version does to customers in flight: ``pin`` leaves them, ``migrate`` takes them over, ``restart`` begins
anew. In the transaction that puts the version in force.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import CampaignDefinition, SendStep, WaitStep
from campaigns.engine.waiting import step_ends
from campaigns.live import workspace_config
from campaigns.periods import zone_named
from campaigns.running.closing import close_enrolments
from campaigns.versions import definitions
from campaigns.workspace.paths import ahead
from core.ids import new_id
from core.machines.enrolment import ENROLMENT, EXIT
from storage.outbox.columns import is_planned, table
from storage.statements import chunks, lock_customers
from storage.tables import Customer, Enrolment, EnrolmentHistory, Message

_ENROLMENTS, _HISTORY = table(Enrolment), table(EnrolmentHistory)
_CUSTOMERS, _MESSAGES = table(Customer), table(Message)
RESTARTED = "restarted"


async def carry_over(
    connection: AsyncConnection, campaign_id: str, definition: CampaignDefinition, version: str, now: datetime
) -> int:
    """Do to the open journeys of other versions what ``definition.edits`` says; gives how many were changed."""
    if definition.edits == "pin":
        return 0
    rows = (
        await connection.execute(
            select(_ENROLMENTS, _CUSTOMERS.c.zone, _CUSTOMERS.c.zone_guess)
            .join(_CUSTOMERS, _CUSTOMERS.c.id == _ENROLMENTS.c.customer_id)
            .where(
                _ENROLMENTS.c.campaign_id == campaign_id,
                _ENROLMENTS.c.closed_at.is_(None),
                _ENROLMENTS.c.version != version,
            )
            .order_by(_ENROLMENTS.c.id)
        )
    ).all()
    # All customers at once and in id order: locked in slices, two of us could wait for each other.
    await lock_customers(connection, (row.customer_id for row in rows), shared=False)
    if definition.edits == "restart":
        return await _restart(connection, rows, version, now)
    return await _migrate(connection, rows, definition, version, now)


async def _restart(connection: AsyncConnection, rows: Sequence[Any], version: str, now: datetime) -> int:
    """Close every journey and open its next round, with the same variant, from the beginning."""
    restarted = 0
    for part in chunks(rows):
        closed = set(await close_enrolments(connection, [row.id for row in part], EXIT, reason=RESTARTED, now=now))
        anew = [
            {
                "id": new_id(), "campaign_id": row.campaign_id, "customer_id": row.customer_id, "round": row.round + 1,
                "version": version, "state": ENROLMENT.initial, "reason": "", "variant": row.variant,
                "ghost": row.ghost, "step": "", "leg": "", "event_id": row.event_id, "due_at": now, "entered_at": now,
                "revision": 0,
            }
            for row in part
            if row.id in closed
        ]  # fmt: skip
        if anew:
            await connection.execute(_ENROLMENTS.insert(), anew)
            await connection.execute(
                _HISTORY.insert(), [_line(row["id"], "Entered", "", RESTARTED, now) for row in anew]
            )
        restarted += len(anew)
    return restarted


async def _migrate(
    connection: AsyncConnection, rows: Sequence[Any], definition: CampaignDefinition, version: str, now: datetime
) -> int:
    """Let journeys go on in the new version, where it still has their step; the others keep theirs.

    So does whoever would come once more to a step that has written to them: a step writes once. A wait is counted anew
    from where it began. A message that is planned and not yet claimed gets the new text.
    """
    config = await workspace_config(connection)
    written = await _written(connection, rows)
    moved = [row for row in rows if _can_go_on(row, definition, written.get(row.id, set()))]
    for row in moved:
        step = definition.step(row.step)
        due = row.due_at
        if isinstance(step, SendStep) and row.due_at is not None:
            due = now  # the engine counts the wait again, from the message
        elif isinstance(step, WaitStep):
            zone = zone_named(row.zone or row.zone_guess or config.zone)
            due = step_ends(step, row.step_at or row.entered_at, zone)
        await connection.execute(
            update(_ENROLMENTS)
            .where(_ENROLMENTS.c.id == row.id)
            .values(version=version, due_at=due, revision=_ENROLMENTS.c.revision + 1)
        )
    for part in chunks(moved):
        await _rewrite_planned(connection, part, definition, version)
        lines = [_line(row.id, "VersionChanged", row.step, version[:8], now) for row in part]
        await connection.execute(_HISTORY.insert(), lines)
    return len(moved)


async def _written(connection: AsyncConnection, rows: Sequence[Any]) -> dict[str, set[str]]:
    """Per journey the steps that have messages."""
    found: dict[str, set[str]] = defaultdict(set)
    for part in chunks(rows):
        messages = await connection.execute(
            select(_MESSAGES.c.enrolment_id, _MESSAGES.c.step).where(
                _MESSAGES.c.enrolment_id.in_([row.id for row in part])
            )
        )
        for message in messages:
            found[message.enrolment_id].add(message.step)
    return found


def _can_go_on(row: Any, definition: CampaignDefinition, written: Collection[str]) -> bool:
    if not row.step:
        return True
    if definition.step(row.step) is None:
        return False
    to_come = ahead(definition, row.step) | (set() if row.message_id else {row.step})
    return to_come.isdisjoint(written)


async def _rewrite_planned(
    connection: AsyncConnection, part: Sequence[Any], definition: CampaignDefinition, version: str
) -> None:
    """Planned messages speak by the new version where it sends the same leg by the same channel, about the same offer.

    Another offer is promised when the next message is planned: until then no text may speak of it.
    """
    variants = {row.id: row.variant for row in part}
    planned = (
        await connection.execute(
            select(
                _MESSAGES.c.id, _MESSAGES.c.enrolment_id, _MESSAGES.c.step, _MESSAGES.c.leg, _MESSAGES.c.channel,
                _MESSAGES.c.version,
            ).where(_MESSAGES.c.enrolment_id.in_(sorted(variants)), is_planned(_MESSAGES))
        )
    ).all()  # fmt: skip
    known = await definitions(connection, {message.version for message in planned})
    for message in planned:
        step = definition.send_step(message.step)
        leg = step.leg(message.leg) if step is not None else None
        if leg is None or message.channel not in (leg.channel, *leg.among):
            continue
        spoken = known.get(message.version)
        if definition.offer is not None and (spoken is None or spoken.offer != definition.offer):
            continue
        template = leg.template_for(variants[message.enrolment_id])
        await connection.execute(
            update(_MESSAGES)
            .where(_MESSAGES.c.id == message.id, is_planned(_MESSAGES))
            .values(version=version, template=template)
        )


def _line(enrolment_id: str, event: str, step: str, detail: str, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(), "enrolment_id": enrolment_id, "at": now, "event": event, "step": step, "leg": "",
        "detail": detail,
    }  # fmt: skip
