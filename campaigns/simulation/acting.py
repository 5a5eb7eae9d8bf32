"""Customers act: what they do reaches the journeys by the same functions as in reality, a batch at a time.

Replies and clicks are the many; they are written here set-based, with the meaning of
:func:`campaigns.responding.answers.record_reply` and :func:`campaigns.responding.answers.record_click` (a test holds
them against each other). Events, reports and opt-outs go through the functions of reality themselves.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.customers.consents import Proof
from campaigns.definition import WorkspaceConfig
from campaigns.periods import zone_named
from campaigns.responding.answers import record_opt_out
from campaigns.responding.arrivals import Arrival
from campaigns.responding.attribution import NOTHING, Attribution
from campaigns.responding.events import events_arrived
from campaigns.responding.receipts import record_reports
from campaigns.running.closing import close_enrolments
from campaigns.running.waiting import flow_ended
from campaigns.simulation.behaviour import (
    AUTO_REPLY,
    BOUNCE,
    CLICK,
    COMPLAINT,
    OPEN,
    OPT_OUT,
    REPLY,
    Deed,
)
from campaigns.simulation.chats import write_in
from campaigns.simulation.delivery import ACCOUNT, Arrived
from campaigns.versions import answers_of, definitions, hears_replies
from core.actors import Actor
from core.errors import PermanentKind
from core.ids import new_ids
from core.machines.enrolment import ANSWER
from core.machines.message import MessageState
from core.messages import DeliveryReport
from core.money import MICRO
from core.statuses import SENT
from storage.given import IDS, given_ids
from storage.outbox.columns import table
from storage.statements import insert_missing
from storage.tables import Enrolment, Event, Message, Response

if TYPE_CHECKING:
    from campaigns.simulation.talks import Talks

_EVENTS, _MESSAGES, _ENROLMENTS, _RESPONSES = table(Event), table(Message), table(Enrolment), table(Response)
SOURCE = "simulation"


class Act(NamedTuple):
    """A deed that is done: by whom, about which message (None: by themselves). ``key`` tells it from others."""

    customer_id: str
    deed: Deed
    message: Arrived | None
    key: str


async def act(
    connection: AsyncConnection,
    acts: Sequence[Act],
    config: WorkspaceConfig,
    now: datetime,
    talks: "Talks | None" = None,
) -> None:
    """Let all of these happen at ``now``, in the caller's transaction; replies are heard by ``talks``, if any.

    First what came of their messages, then what they did in the shop: an answer that ends a journey and an order at the
    same instant are rare enough to go in this order always.
    """
    by_kind: dict[str, list[Act]] = defaultdict(list)
    for one in acts:
        by_kind["event" if one.deed.event else one.deed.kind].append(one)
    await _bounce(connection, by_kind[BOUNCE], now)
    await _log(connection, [*by_kind[OPEN], *by_kind[AUTO_REPLY]], now)
    wrote = [*by_kind[AUTO_REPLY], *by_kind[REPLY]]
    await write_in(connection, [(one.customer_id, one.message.channel if one.message else "") for one in wrote], now)
    await _click(connection, by_kind[CLICK], now)
    await _reply(connection, by_kind[REPLY], config, now)
    if talks is None:
        await _go_through(connection, by_kind[REPLY], now)
    else:
        await talks.heard(connection, by_kind[REPLY], now)
    for one in (*by_kind[OPT_OUT], *by_kind[COMPLAINT]):
        await _opt_out(connection, one, now)
    await _shop(connection, by_kind["event"], config, now)


async def _bounce(connection: AsyncConnection, acts: Sequence[Act], now: datetime) -> None:
    reports = [
        DeliveryReport(
            account=ACCOUNT, provider_id="", status=MessageState.FAILED, key=f"bounce:{one.message.id}",
            failure=PermanentKind.BAD_ADDRESS, message_id=one.message.id,
        )
        for one in acts
        if one.message is not None
    ]  # fmt: skip
    await record_reports(connection, reports, now)


async def _log(
    connection: AsyncConnection,
    acts: Iterable[Act],
    now: datetime,
    closed: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Write the responses down; ``closed`` are the journeys that they ended, by the act's key."""
    rows: list[dict[str, Any]] = []
    for one in acts:
        message, ended = one.message, list((closed or {}).get(one.key, ()))
        # who replies to a channel is credited to its last message; a fetched link says its own
        by = "link" if one.deed.kind in (CLICK, OPEN) else "last_message"
        rows.append(
            {
                "key": f"{one.deed.kind}:{one.key}", "kind": one.deed.kind, "customer_id": one.customer_id,
                "channel": message.channel if message and by != "link" else "",
                "message_id": message.id if message else None, "inbound_message_id": None,
                "enrolment_id": message.enrolment_id if message else None,
                "campaign_id": message.campaign_id if message else None, "step": message.step if message else "",
                "attributed_by": by if message else "", "answered": bool(ended), "at": now,
                "detail": {"closed": ended} if ended else {},
            }
        )  # fmt: skip
    for row, id_ in zip(rows, new_ids(len(rows)), strict=True):
        row["id"] = id_
    await insert_missing(connection, _RESPONSES, rows)


async def _click(connection: AsyncConnection, acts: Sequence[Act], now: datetime) -> None:
    """Each ends the journey of its own message, if that step waits for clicks."""
    if not acts:
        return
    known = await definitions(connection, {one.message.version for one in acts if one.message})
    wanted = {
        one.message.enrolment_id: one.key
        for one in acts
        if one.message and one.message.enrolment_id and _waits(known, one.message, CLICK)
    }
    closed = await close_enrolments(connection, sorted(filter(None, wanted)), ANSWER, reason=CLICK, now=now)
    await _log(connection, acts, now, {wanted[id_]: [id_] for id_ in closed})


def _waits(known: Mapping[str, Any], message: Arrived, what: str) -> bool:
    return what in answers_of(known.get(message.version), message.step)


_SENT_OF_OPEN = (
    select(
        _MESSAGES.c.id, _MESSAGES.c.customer_id, _MESSAGES.c.enrolment_id, _ENROLMENTS.c.version, _MESSAGES.c.step,
        _MESSAGES.c.sent_at,
    )
    .join(_ENROLMENTS, _ENROLMENTS.c.id == _MESSAGES.c.enrolment_id)
    .where(
        given_ids(_ENROLMENTS.c.customer_id),
        _ENROLMENTS.c.closed_at.is_(None),
        _MESSAGES.c.direction == "out",
        _MESSAGES.c.state.in_(SENT),
        _MESSAGES.c.sent_at.is_not(None),
    )
)  # fmt: skip


async def _reply(connection: AsyncConnection, acts: Sequence[Act], config: WorkspaceConfig, now: datetime) -> None:
    """Each ends the credited journey, if that step waits for replies, and every other that wrote to them lately."""
    if not acts:
        return
    since = config.attribution_window.before(now, zone_named(config.zone))
    rows = (await connection.execute(_SENT_OF_OPEN, {IDS: sorted({one.customer_id for one in acts})})).all()
    known = await definitions(connection, {row.version for row in rows})
    open_of: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        open_of[row.customer_id].append(row)
    wanted: dict[str, Act] = {}
    for one in acts:
        for row in open_of[one.customer_id]:
            definition = known.get(row.version)
            is_its_own = one.message is not None and row.id == one.message.id
            credited = is_its_own and REPLY in answers_of(definition, row.step)
            if credited or (row.sent_at >= since and hears_replies(definition, row.step)):
                wanted.setdefault(row.enrolment_id, one)
    by_channel: dict[str, list[str]] = defaultdict(list)
    for enrolment_id, one in wanted.items():
        by_channel[one.message.channel if one.message else ""].append(enrolment_id)
    closed: dict[str, list[str]] = defaultdict(list)
    for channel, ids in sorted(by_channel.items()):
        for id_ in await close_enrolments(connection, ids, ANSWER, reason=REPLY, now=now, detail=channel):
            closed[wanted[id_].key].append(id_)
    await _log(connection, acts, now, closed)


async def _go_through(connection: AsyncConnection, acts: Sequence[Act], now: datetime) -> None:
    """Where nobody plays flows: who answers one's first words is taken to go through it to the end."""
    known = await definitions(connection, {one.message.version for one in acts if one.message is not None})
    for one in acts:
        definition = known.get(one.message.version) if one.message is not None else None
        step = definition.send_step(one.message.step) if definition is not None and one.message is not None else None
        if one.message is not None and step is not None and step.flow is not None:
            await flow_ended(connection, one.message.id, now, finished=True)


async def _opt_out(connection: AsyncConnection, one: Act, now: datetime) -> None:
    message = one.message
    credited = NOTHING
    if message is not None:
        credited = Attribution(
            message.id, message.customer_id, None, message.enrolment_id, message.campaign_id, message.version,
            message.step, "link",
        )  # fmt: skip
    proof = Proof(SOURCE, "", Actor("customer", one.customer_id), now)
    await record_opt_out(
        connection, key=one.key, customer_id=one.customer_id, proof=proof, now=now,
        channel=message.channel if message else "", attribution=credited, complaint=one.deed.kind == COMPLAINT,
    )  # fmt: skip


async def _shop(connection: AsyncConnection, acts: Sequence[Act], config: WorkspaceConfig, now: datetime) -> None:
    """Events of the shop: goals, waits and starts follow as from the API."""
    if not acts:
        return
    rows: list[dict[str, Any]] = []
    for one, id_ in zip(acts, new_ids(len(acts)), strict=True):
        amount = one.deed.amount
        rows.append(
            {
                "id": id_, "customer_id": one.customer_id, "name": one.deed.event, "at": now,
                "amount_micros": round(amount * MICRO) if amount is not None else None,
                "currency": config.currency if amount is not None else "", "source": SOURCE,
                "external_id": f"{one.deed.event}:{one.key}", "properties": dict(one.deed.properties),
                "content_hash": "", "recorded_at": now,
            }
        )  # fmt: skip
    await insert_missing(connection, _EVENTS, rows)
    await events_arrived(
        connection,
        [Arrival(r["customer_id"], r["name"], now, r["id"], r["amount_micros"], r["properties"]) for r in rows],
        now,
    )
