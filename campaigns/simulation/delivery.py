"""The recording channel: planned messages whose window is open are accepted at once, set-based, by the same gates.

What the outbox and a provider do over several transactions happens here in one, and nobody is asked. What a gate stops
goes where its verdict says, exactly as at a dispatch.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Integer, and_, bindparam, case, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.gates import DISPATCH_GATES
from campaigns.simulation.rendering import Rendering
from core.installed import channel_names
from core.machines.message import ACCEPT, CANCEL, SKIP
from storage.given import IDS, given_ids
from storage.outbox.attempts import refuse
from storage.outbox.columns import is_planned, send_columns, table
from storage.outbox.holds import release, spend
from storage.outbox.journeys import note, wake_after
from storage.store import Store
from storage.tables import Campaign, Customer, Enrolment, Message
from storage.types import Instant

ACCOUNT = "simulation"
AT_ONCE = 2000
_MESSAGES, _CUSTOMERS, _CAMPAIGNS, _ENROLMENTS = table(Message), table(Customer), table(Campaign), table(Enrolment)
_ENDING = {"cancel": CANCEL, "skip": SKIP}
HOLDING = "hold"
_ARRIVED = (
    select(
        _MESSAGES.c.id, _MESSAGES.c.customer_id, _CUSTOMERS.c.external_id, _MESSAGES.c.enrolment_id,
        _MESSAGES.c.campaign_id, _CAMPAIGNS.c.name, _ENROLMENTS.c.round, _MESSAGES.c.version, _MESSAGES.c.step,
        _MESSAGES.c.leg, _MESSAGES.c.channel,
    )
    .join(_CUSTOMERS, _CUSTOMERS.c.id == _MESSAGES.c.customer_id)
    .join(_CAMPAIGNS, _CAMPAIGNS.c.id == _MESSAGES.c.campaign_id)
    .join(_ENROLMENTS, _ENROLMENTS.c.id == _MESSAGES.c.enrolment_id)
    .where(given_ids(_MESSAGES.c.id))
)  # fmt: skip


class Arrived(NamedTuple):
    """A message that was accepted, with what its receiver's deeds will need."""

    id: str
    customer_id: str
    external_id: str | None
    enrolment_id: str | None
    campaign_id: str | None
    campaign: str
    round: int
    version: str
    step: str
    leg: str
    channel: str

    @property
    def who(self) -> str:
        """The customer, by a name that another run of the same simulation has too."""
        return self.external_id or self.customer_id

    @property
    def key(self) -> str:
        """The customer and the message, by names that another run has too."""
        return f"{self.who}:{self.campaign}:{self.round}:{self.step}:{self.leg}"


async def arrived_as(connection: AsyncConnection, message_ids: Sequence[str]) -> Sequence[Arrived]:
    """Campaigns' messages that were accepted before."""
    rows = await connection.execute(_ARRIVED, {IDS: sorted(message_ids)})
    return [Arrived(*row) for row in rows]


async def deliver(store: Store, now: datetime, rendering: Rendering | None = None) -> Sequence[Arrived]:
    """Accept up to :data:`AT_ONCE` messages whose time has come; gives them. Nothing is left where it gives none.

    With ``rendering``, what cannot be rendered is refused instead, as a worker refuses it.
    """
    while True:
        async with store.read() as connection:
            most = 1 if rendering is None else AT_ONCE
            found = (await connection.execute(_looking(), {"business_now": now, "most": most})).all()
        if not found:
            return ()
        refused: Mapping[str, str] = {}
        if rendering is not None:
            refused = await rendering.refused([row.id for row in found if not row.gate])
        arrived = await _deliver(store, now, refused)
        if arrived:
            return arrived


async def _deliver(store: Store, now: datetime, refused: Mapping[str, str]) -> Sequence[Arrived]:
    """One transaction's; the messages that it looks at are those that were rendered, since nobody else writes."""
    async with store.write() as connection:
        rows = (await connection.execute(_looking(), {"business_now": now, "most": AT_ONCE})).all()
        stopped: dict[str, list[str]] = defaultdict(list)
        arrived = []
        for row in rows:
            if row.gate:
                stopped[row.gate].append(row.id)
            elif row.id not in refused:
                arrived.append(Arrived(*row[:-1]))
        ids = [one.id for one in arrived]
        if ids:
            await connection.execute(_ACCEPTED, {IDS: ids, "now": now})
            await spend(connection, ids)
            await wake_after(connection, ids, now)
        for gate, message_ids in stopped.items():
            await _stop(connection, gate, message_ids, now)
        for message_id, reason in refused.items():
            await refuse(connection, [message_id], reason, now)
    return arrived


_ACCEPTED = (
    update(_MESSAGES)
    .where(given_ids(_MESSAGES.c.id))
    .values(
        state=ACCEPT.target, account=ACCOUNT, tries=_MESSAGES.c.tries + 1,
        sent_at=bindparam("now", type_=Instant()), settled_at=bindparam("now", type_=Instant()),
    )
)  # fmt: skip


@cache
def _looking() -> Any:
    """Planned messages in their window that no holding gate keeps, each with the gate that ends it (or nothing)."""
    columns = send_columns()
    message = columns.message.c
    # the window gate never stops what is chosen by its window
    ending = [gate for gate in DISPATCH_GATES if gate.verdict.value in _ENDING]
    first = case(*((gate.predicate(columns), gate.name) for gate in ending), else_=literal(""))
    holding = [~gate.predicate(columns) for gate in DISPATCH_GATES if gate.verdict == HOLDING]
    whom = _CUSTOMERS.alias("whom")  # a gate asks for customers itself
    joined = columns.joined().outerjoin(whom, whom.c.id == message.customer_id)
    return (
        select(
            message.id, message.customer_id, whom.c.external_id, message.enrolment_id, message.campaign_id,
            columns.campaign.c.name, columns.enrolment.c.round, message.version, message.step, message.leg,
            message.channel, first.label("gate"),
        )
        .select_from(joined)
        .where(
            and_(
                is_planned(columns.message),
                message.channel.in_(channel_names()),
                message.not_before <= columns.now,
                message.not_after > columns.now,
                *holding,
            )
        )
        .limit(bindparam("most", type_=Integer()))
    )  # fmt: skip


async def _stop(connection: AsyncConnection, gate: str, message_ids: list[str], now: datetime) -> None:
    verdict = next(one.verdict for one in DISPATCH_GATES if one.name == gate)
    transition = _ENDING[verdict.value]
    await note(connection, message_ids, "SendStopped", gate, now)
    await connection.execute(
        update(_MESSAGES).where(given_ids(_MESSAGES.c.id)).values(state=transition.target, reason=gate),
        {IDS: message_ids},
    )
    await release(connection, message_ids)
    if transition is SKIP:
        await wake_after(connection, message_ids, now)
