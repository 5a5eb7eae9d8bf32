"""Unknown sends: messages that may or may not have left. Only a receipt, a reply or a person settles one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Row, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.actors import Actor
from core.errors import Refused
from core.ids import new_id
from core.machines.message import ACCEPT, REJECT, MessageState
from storage.outbox.columns import table
from storage.outbox.holds import hold_again, release, spend
from storage.outbox.journeys import note, wake_after
from storage.outbox.resends import RESEND, is_resend
from storage.statements import lock_customers
from storage.tables import Audit, Campaign, Customer, Enrolment, Identity, Message

_MESSAGES = table(Message)
_CUSTOMERS = table(Customer)
_CAMPAIGNS = table(Campaign)
_IDENTITIES = table(Identity)
_ENROLMENTS = table(Enrolment)

Verdict = Literal["sent", "not-sent", "resend"]


@dataclass(frozen=True, slots=True)
class UnknownSend:
    """One message whose outcome nobody knows yet."""

    id: str
    sent_at: datetime | None
    channel: str
    address: str
    customer: str
    campaign: str
    step: str
    leg: str
    reason: str


async def unknown_sends(
    connection: AsyncConnection, limit: int = 200, *, campaign_id: str = ""
) -> tuple[int, list[UnknownSend]]:
    """How many there are (of one campaign, where it is given), and the oldest of them."""
    condition = [_MESSAGES.c.state == MessageState.UNKNOWN, _MESSAGES.c.direction == "out"]
    if campaign_id:
        condition.append(_MESSAGES.c.campaign_id == campaign_id)
    total = await connection.scalar(select(func.count()).select_from(_MESSAGES).where(*condition)) or 0
    rows = await connection.execute(
        select(
            _MESSAGES,
            _IDENTITIES.c.address,
            _CUSTOMERS.c.external_id,
            _CAMPAIGNS.c.name.label("campaign"),
        )
        .join(_IDENTITIES, _IDENTITIES.c.id == _MESSAGES.c.identity_id)
        .join(_CUSTOMERS, _CUSTOMERS.c.id == _MESSAGES.c.customer_id)
        .outerjoin(_CAMPAIGNS, _CAMPAIGNS.c.id == _MESSAGES.c.campaign_id)
        .where(*condition)
        .order_by(_MESSAGES.c.sent_at, _MESSAGES.c.id)
        .limit(limit)
    )
    return total, [
        UnknownSend(
            id=row.id,
            sent_at=row.sent_at,
            channel=row.channel,
            address=row.address,
            customer=row.external_id or row.customer_id,
            campaign=row.campaign or "",
            step=row.step,
            leg=row.leg,
            reason=row.reason,
        )
        for row in rows
    ]


async def settle(
    connection: AsyncConnection, message_ids: Sequence[str], verdict: Verdict, actor: Actor, now: datetime
) -> int:
    """Settle unknown sends; all of them or none. Gives how many.

    ``sent``: it reached the provider. ``not-sent``: it did not, and the journey goes on without it. ``resend``: it did
    not, and a new leg of the same step is planned, which passes every gate again.

    Raises:
        Refused: naming the first that is not unknown, or whose journey is over or has moved on (``resend``).
    """
    rows = []
    for message_id in message_ids:
        owner = await connection.scalar(select(_MESSAGES.c.customer_id).where(_MESSAGES.c.id == message_id))
        if owner is not None:
            await lock_customers(connection, [owner], shared=False)
        wanted = _MESSAGES.select().where(_MESSAGES.c.id == message_id).with_for_update()
        row = (await connection.execute(wanted)).first()
        if row is None or row.state is not MessageState.UNKNOWN:
            what = "there is no such message" if row is None else f"it is {row.state.value}, not unknown"
            words = f"message {message_id}: {what}; `otklik unknown list` shows what can be settled"
            raise Refused(words, name="not_unknown")
        rows.append(row)
    target = ACCEPT.target if verdict == "sent" else REJECT.target
    for row in rows:
        await connection.execute(
            update(_MESSAGES)
            .where(_MESSAGES.c.id == row.id)
            .values(state=target, reason="" if verdict == "sent" else f"settled as {verdict}", settled_at=now)
        )
        await (spend if verdict == "sent" else release)(connection, [row.id])
        await note(connection, [row.id], "UnknownSettled", verdict, now)
        await connection.execute(
            table(Audit).insert(),
            {
                "id": new_id(),
                "at": now,
                "actor": str(actor),
                "action": f"settle {verdict}",
                "subject": "message",
                "subject_id": row.id,
                "detail": {},
            },
        )
        if verdict == "resend":
            await _plan_again(connection, row, now)
        else:
            await wake_after(connection, [row.id], now)
    return len(rows)


async def _plan_again(connection: AsyncConnection, row: Row[Any], now: datetime) -> None:
    message = dict(row._mapping)  # noqa: SLF001  public API of Row
    enrolment = (
        await connection.execute(_ENROLMENTS.select().where(_ENROLMENTS.c.id == message["enrolment_id"]))
    ).first()
    if enrolment is None or enrolment.closed_at is not None or enrolment.message_id != message["id"]:
        words = f"message {message['id']}: its journey is over or has moved on; it cannot be sent again"
        raise Refused(words, name="moved_on")
    resends = await connection.scalar(
        select(func.count()).where(
            _MESSAGES.c.enrolment_id == enrolment.id,
            _MESSAGES.c.step == message["step"],
            is_resend(_MESSAGES),
        )
    )
    new = new_id()
    await connection.execute(
        _MESSAGES.insert(),
        {
            **message,
            "id": new,
            "leg": f"{RESEND}{(resends or 0) + 1}",
            "state": MessageState.PLANNED,
            "reason": "",
            "send_at": now,
            "not_before": now,
            "not_after": now,  # a window that is over: the engine gives it the next one in the sending hours
            "retry_at": None,
            "tries": 0,
            "fence": 0,
            "lease_until": None,
            "worker": "",
            "provider_id": None,
            "sent_at": None,
            "settled_at": None,
            "created_at": now,
        },
    )
    await hold_again(connection, message["id"], new, now)
    await connection.execute(
        update(_ENROLMENTS).where(_ENROLMENTS.c.id == enrolment.id).values(message_id=new, due_at=now)
    )
