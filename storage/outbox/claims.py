"""Claims: a worker takes planned messages under a fence and a lease."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Integer, and_, bindparam, func, literal_column, not_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.dispatching import Claim
from core.machines.message import CLAIM, UNCLAIM
from core.messages import Address
from storage.given import IDS, given_ids
from storage.outbox.columns import is_planned, send_columns, table
from storage.outbox.gates import DispatchGate
from storage.outbox.resends import RESEND, what_they_repeat
from storage.statements import lease_clock
from storage.tables import Message
from storage.types import Id, Instant

MICROSECONDS = 1_000_000
REPLIES, BULK = 0, 1
"""The lanes of messages."""


async def claim(
    connection: AsyncConnection,
    channel: str,
    *,
    worker: str,
    limit: int,
    lease_seconds: float,
    now: datetime,
    machine_now: datetime,
    gates: Sequence[DispatchGate],
    after: str = "",
) -> list[Claim]:
    """Take up to ``limit`` messages of ``channel`` whose time has come: replies first, then campaigns in turn.

    Each campaign that has something to send gets an equal part of what is left of ``limit``, and what others leave;
    the turn begins behind the campaign ``after``. Within one campaign it goes by their time. Messages that a holding
    gate would stop are left where they are.
    """
    if connection.dialect.name == "postgresql":
        # its statistics lag behind an outbox: it would take what is planned for a row or two, join it all, then sort
        await connection.exec_driver_sql("SET LOCAL enable_sort = off")
    statements = _wanted(tuple(gates), connection.dialect.name)
    bound = {"business_now": now, "machine_now": machine_now, "on_channel": channel}
    taking = {"by_worker": worker, "lease": int(lease_seconds * MICROSECONDS)}

    async def take(statement: Any, more: dict[str, Any]) -> Sequence[Any]:
        taken = (await connection.execute(statement, {**bound, **more})).all()
        if taken:
            await connection.execute(_TAKEN, {IDS: [row.id for row in taken], **taking})
        return taken

    rows = list(await take(statements.replies, {"most": limit}))
    waiting = (await connection.scalars(_CAMPAIGNS, bound)).all() if len(rows) < limit else []
    campaigns = [one for one in waiting if one is not None]
    turn = [one for one in campaigns if one > after] + [one for one in campaigns if one <= after]
    while turn and len(rows) < limit:
        have_more = []
        for at, campaign in enumerate(turn):
            part = -(-(limit - len(rows)) // (len(turn) - at))
            theirs = await take(statements.of_campaign, {"most": part, "of_campaign": campaign}) if part else []
            rows += theirs
            if part and len(theirs) == part:
                have_more.append(campaign)
        turn = have_more
    repeated = await what_they_repeat(connection, [row.id for row in rows if row.leg.startswith(RESEND)])
    return [
        Claim(
            message_id=id_,
            fence=fence + 1,
            customer_id=customer_id,
            identity_id=identity_id,
            to=Address(to_channel, address, scope),
            purpose=purpose,
            campaign_id=campaign_id,
            enrolment_id=enrolment_id,
            version=version,
            step=step,
            leg=leg,
            template=template,
            send_at=send_at,
            content=content,
            window_from=window_from,
            repeats=repeated.get(id_, ""),
        )
        for (
            id_, fence, customer_id, identity_id, purpose, campaign_id, enrolment_id, version, step, leg, template,
            send_at, content, to_channel, address, scope, window_from,
        ) in rows
    ]  # fmt: skip


class _Wanted(NamedTuple):
    replies: Any
    of_campaign: Any


@lru_cache(maxsize=8)
def _wanted(gates: tuple[DispatchGate, ...], dialect: str) -> _Wanted:
    columns = send_columns()
    message, identity = columns.message.c, columns.identity.c
    retry_due = message.retry_at <= bindparam("machine_now", type_=Instant())
    wanted = (
        select(
            message.id, message.fence, message.customer_id, message.identity_id, message.purpose, message.campaign_id,
            message.enrolment_id, message.version, message.step, message.leg, message.template,
            message.send_at, message.content,
            identity.channel, identity.address, identity.scope, identity.window_from,
        )
        .select_from(columns.joined())
        .where(
            and_(
                is_planned(columns.message),
                message.channel == bindparam("on_channel"),
                message.not_before <= columns.now,
                message.not_after > columns.now,
                or_(message.retry_at.is_(None), retry_due),
                *(not_(gate.predicate(columns)) for gate in gates if gate.verdict == "hold"),
            )
        )
        .limit(bindparam("most", type_=Integer()))
    )  # fmt: skip
    if dialect == "postgresql":
        wanted = wanted.with_for_update(of=columns.message, skip_locked=True)
    # each in the order of its index, so that a batch costs a batch however many are planned
    return _Wanted(
        replies=wanted.where(message.lane == literal_column(str(REPLIES))).order_by(
            message.not_before, message.not_after
        ),
        of_campaign=wanted.where(
            message.lane == literal_column(str(BULK)), message.campaign_id == bindparam("of_campaign", type_=Id)
        ).order_by(message.not_before),
    )


_OUTBOX = table(Message)


def _campaigns() -> Any:
    """Campaigns with anything planned on the channel, in id order: a look into the index for each of them."""
    planned = and_(
        is_planned(_OUTBOX), _OUTBOX.c.lane == literal_column(str(BULK)), _OUTBOX.c.channel == bindparam("on_channel")
    )
    first = select(func.min(_OUTBOX.c.campaign_id).label("id")).where(planned)
    found = first.cte("found", recursive=True)
    later = select(func.min(_OUTBOX.c.campaign_id)).where(planned, _OUTBOX.c.campaign_id > found.c.id).scalar_subquery()
    found = found.union_all(select(later).where(found.c.id.is_not(None)))
    return select(found.c.id)


_CAMPAIGNS = _campaigns()
_TAKEN = (
    update(_OUTBOX)
    .where(given_ids(_OUTBOX.c.id))
    .values(
        state=CLAIM.target,
        fence=_OUTBOX.c.fence + 1,
        worker=bindparam("by_worker"),
        lease_until=lease_clock() + bindparam("lease", type_=BigInteger()),
    )
)
(_UNCLAIM_FROM,) = UNCLAIM.sources


async def unclaim(connection: AsyncConnection, claims: Sequence[Claim]) -> None:
    """Give claims back untouched, where they are still ours."""
    for held in claims:
        await connection.execute(
            update(_OUTBOX)
            .where(_OUTBOX.c.id == held.message_id, _OUTBOX.c.fence == held.fence, _OUTBOX.c.state == _UNCLAIM_FROM)
            .values(state=UNCLAIM.target, lease_until=None, worker="")
        )
