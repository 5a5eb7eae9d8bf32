"""Answers: what a customer's act means for the journeys they are on.

A reply of a person on any channel ends every open journey that wrote to them lately, credited or not; a click ends the
journey of its own message if that step waits for clicks. Automatic replies and opens are logged and end nothing.
Each function locks the customer first: once it commits, no later send of the ended journeys is dispatched.
"""

from dataclasses import replace
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.customers.consents import ConsentChange, Proof, withdraw
from campaigns.responding.attribution import NOTHING, Attribution, attribute_link
from campaigns.responding.responses import Incident, Recorded, ResponseKind, log_response, mark_answered, settle_unknown
from campaigns.running.closing import close_enrolments
from campaigns.versions import answers_of, definitions, hears_replies
from core.actors import Actor
from core.machines.enrolment import ANSWER
from core.messages import EMAIL
from core.purposes import Purpose
from core.statuses import SENT
from storage.outbox.columns import table
from storage.statements import lock_customers
from storage.tables import Enrolment, Link, Message

_ENROLMENTS = table(Enrolment)
_LINKS = table(Link)
_MESSAGES = table(Message)


async def record_reply(
    connection: AsyncConnection,
    *,
    key: str,
    customer_id: str,
    channel: str,
    at: datetime,
    now: datetime,
    since: datetime,
    attribution: Attribution = NOTHING,
    inbound_message_id: str | None = None,
    automatic: str = "",
) -> Recorded:
    """Log a reply and end the journeys that it answers.

    Args:
        key: unique for this reply; a repeat has no effect.
        at: when it was received.
        now: when the journeys end (both business time).
        since: where the attribution window begins.
        automatic: why a machine is held to have written it; such a reply answers nothing.
    """
    await lock_customers(connection, [customer_id], shared=False)
    detail = {"automatic": automatic} if automatic else {}
    kind: ResponseKind = "auto_reply" if automatic else "reply"
    incident = Incident(
        key=f"reply:{key}", kind=kind, customer_id=customer_id, at=at, channel=channel, attribution=attribution,
        inbound_message_id=inbound_message_id, detail=detail,
    )  # fmt: skip
    response_id = await log_response(connection, incident)
    if response_id is None:
        return Recorded(new=False)
    await settle_unknown(connection, attribution.message_id, now)
    if automatic:
        return Recorded(new=True, response_id=response_id)
    closed = await _answer_all(connection, customer_id, attribution, since=since, now=now, channel=channel)
    if closed:
        await mark_answered(connection, response_id, {**detail, "closed": closed})
    return Recorded(new=True, closed=tuple(closed), response_id=response_id)


async def record_click(
    connection: AsyncConnection, message_id: str, link_id: str, *, at: datetime, now: datetime
) -> Recorded:
    """Log the first click on a link of a message and end its journey if that step waits for clicks.

    A scanner's GET cannot be told from a person's; a HEAD must not come here.
    """
    recorded, credited = await _record_fetch(connection, message_id, "click", at=at, now=now, link=link_id)
    if not recorded.new or credited.enrolment_id is None:
        return recorded
    known = await definitions(connection, [credited.version])
    if "click" not in answers_of(known.get(credited.version), credited.step):
        return recorded
    closed = await close_enrolments(connection, [credited.enrolment_id], ANSWER, reason="click", now=now)
    if closed and recorded.response_id is not None:
        await mark_answered(connection, recorded.response_id, {"link": link_id, "closed": closed})
    return replace(recorded, closed=tuple(closed))


async def record_open(connection: AsyncConnection, message_id: str, *, at: datetime, now: datetime) -> Recorded:
    """Log the first opening of a message. It never answers: mail programs fetch pictures by themselves."""
    recorded, _ = await _record_fetch(connection, message_id, "open", at=at, now=now)
    return recorded


async def link_target(connection: AsyncConnection, link_id: str) -> str | None:
    """Where a tracking link leads, None if we never made it."""
    url: str | None = await connection.scalar(select(_LINKS.c.url).where(_LINKS.c.id == link_id))
    return url


async def record_opt_out(
    connection: AsyncConnection,
    *,
    key: str,
    customer_id: str,
    proof: Proof,
    now: datetime,
    channel: str = "",
    attribution: Attribution = NOTHING,
    inbound_message_id: str | None = None,
    complaint: bool = False,
    since: datetime | None = None,
    purpose: Purpose = Purpose.MARKETING,
) -> tuple[Recorded, ConsentChange]:
    """Log an opt-out or a complaint and withdraw ``purpose`` on every channel; gives what that changed.

    The withdrawal itself is never held for a repeat: who agreed again in between and presses the same link once more
    means it. Where the customer *wrote* to opt out, ``since`` begins the attribution window: their word is a reply to
    the other journeys.
    """
    await lock_customers(connection, [customer_id], shared=False)
    incident = Incident(
        key=f"opt_out:{key}", kind="complaint" if complaint else "opt_out", customer_id=customer_id, at=proof.at,
        channel=channel, attribution=attribution, inbound_message_id=inbound_message_id,
        detail={"source": proof.source},
    )  # fmt: skip
    response_id = await log_response(connection, incident)
    await settle_unknown(connection, attribution.message_id, now)
    change = await withdraw(connection, customer_id, proof, now=now, purpose=purpose)
    closed = list(change.exited)
    if since is not None and response_id is not None:
        closed += await _answer_all(connection, customer_id, attribution, since=since, now=now, channel=channel)
    if closed and response_id is not None:
        await mark_answered(connection, response_id, {**incident.detail, "closed": closed})
    return Recorded(new=response_id is not None, closed=tuple(closed), response_id=response_id), change


async def record_unsubscribe(
    connection: AsyncConnection, message_id: str, *, one_click: bool, at: datetime, now: datetime
) -> ConsentChange | None:
    """The unsubscribe address of a message was POSTed to (RFC 8058, or the page's form); None if it is not ours."""
    credited = await attribute_link(connection, message_id)
    if credited.customer_id is None:
        return None
    source = "one-click unsubscribe" if one_click else "unsubscribe page"
    wording = "List-Unsubscribe=One-Click" if one_click else ""
    proof = Proof(source, wording, Actor("customer", credited.customer_id), at)
    _, change = await record_opt_out(
        connection, key=f"link:{message_id}", customer_id=credited.customer_id, proof=proof, now=now, channel=EMAIL,
        attribution=credited,
    )  # fmt: skip
    return change


async def _record_fetch(
    connection: AsyncConnection,
    message_id: str,
    kind: Literal["click", "open"],
    *,
    at: datetime,
    now: datetime,
    link: str = "",
) -> tuple[Recorded, Attribution]:
    """Log that a link or the pixel of a message was fetched."""
    credited = await attribute_link(connection, message_id)
    if credited.customer_id is None:
        return Recorded(new=False), NOTHING
    await lock_customers(connection, [credited.customer_id], shared=False)
    key = f"{kind}:{message_id}:{link}" if link else f"{kind}:{message_id}"
    incident = Incident(
        key=key, kind=kind, customer_id=credited.customer_id, at=at, attribution=credited,
        detail={"link": link} if link else {},
    )  # fmt: skip
    response_id = await log_response(connection, incident)
    if response_id is not None:
        await settle_unknown(connection, message_id, now)
    return Recorded(new=response_id is not None, response_id=response_id), credited


async def _answer_all(
    connection: AsyncConnection,
    customer_id: str,
    credited: Attribution,
    *,
    since: datetime,
    now: datetime,
    channel: str,
) -> list[str]:
    """End the journeys that a person's reply answers; gives their ids.

    Those are the credited one, if that step waits for replies, and every other that sent something since ``since`` from
    a step that waits for anything at all.
    """
    rows = (
        await connection.execute(
            select(
                _MESSAGES.c.id, _MESSAGES.c.enrolment_id, _ENROLMENTS.c.version, _MESSAGES.c.step, _MESSAGES.c.sent_at
            )
            .join(_ENROLMENTS, _ENROLMENTS.c.id == _MESSAGES.c.enrolment_id)
            .where(
                _ENROLMENTS.c.customer_id == customer_id,
                _ENROLMENTS.c.closed_at.is_(None),
                _MESSAGES.c.direction == "out",
                _MESSAGES.c.state.in_(SENT),
                _MESSAGES.c.sent_at.is_not(None),
            )
        )
    ).all()
    known = await definitions(connection, {row.version for row in rows})
    answered: dict[str, None] = {}
    for row in rows:
        definition = known.get(row.version)
        is_credited = row.id == credited.message_id and "reply" in answers_of(definition, row.step)
        if is_credited or (row.sent_at >= since and hears_replies(definition, row.step)):
            answered[row.enrolment_id] = None
    return await close_enrolments(connection, list(answered), ANSWER, reason="reply", now=now, detail=channel)
