"""Granting offers: one in force a customer and product, codes handed out once. In the batch's transaction."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import Offer
from campaigns.offers.stock import alert_if_short
from core.ids import new_id
from storage.given import IDS, given_ids
from storage.outbox.columns import table
from storage.tables import Grant, OfferCode
from storage.types import Instant

_GRANTS, _CODES = table(Grant), table(OfferCode)
EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class GrantRequest:
    """An offer for a customer, by a journey; ``zone`` is the customer's, whose calendar counts its days."""

    offer: Offer
    customer_id: str
    campaign_id: str
    enrolment_id: str
    zone: ZoneInfo


_ALL_OVER = (
    update(_GRANTS)
    .where(_GRANTS.c.ended_at.is_(None), _GRANTS.c.expires_at <= bindparam("now", type_=Instant()))
    .values(ended_at=_GRANTS.c.expires_at, ended_by=EXPIRED)
)
_OVER = _ALL_OVER.where(given_ids(_GRANTS.c.customer_id))


async def end_expired(connection: AsyncConnection, customer_ids: Collection[str], now: datetime) -> None:
    """End the customers' grants that have run out: their products are free again."""
    await connection.execute(_OVER, {IDS: list(customer_ids), "now": now})


async def expire_grants(connection: AsyncConnection, now: datetime) -> int:
    """End everybody's grants that have run out; gives how many. What a journey asks about is ended when it asks."""
    return int((await connection.execute(_ALL_OVER, {"now": now})).rowcount)


async def grant_offers(connection: AsyncConnection, requests: Sequence[GrantRequest], now: datetime) -> None:
    """Write the grants; the caller has locked the customers and knows that their products are free.

    Raises:
        RuntimeError: if there are fewer codes than the caller was told: the transaction must not commit.
    """
    if not requests:
        return
    rows = [_row(request, now) for request in requests]
    single: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for request, row in zip(requests, rows, strict=True):
        if request.offer.codes == "unique":
            single[request.offer.name].append(row)
    offers = {request.offer.name: request.offer for request in requests}
    for offer, wanting in sorted(single.items()):
        codes = await take_codes(connection, offer, [row["id"] for row in wanting], now)
        await alert_if_short(connection, offers[offer], len(wanting), now)
        for row, code in zip(wanting, codes, strict=True):
            row["code"] = code
    await connection.execute(_GRANTS.insert(), rows)


def _row(request: GrantRequest, now: datetime) -> dict[str, Any]:
    offer = request.offer
    return {
        "id": new_id(),
        "customer_id": request.customer_id,
        "product": offer.product,
        "offer": offer.name,
        "code": offer.code if offer.codes == "same" else "",
        "campaign_id": request.campaign_id,
        "enrolment_id": request.enrolment_id,
        "granted_at": now,
        "expires_at": offer.valid.after(now, request.zone) if offer.valid is not None else None,
        "ended_at": None,
        "ended_by": "",
    }


async def take_codes(connection: AsyncConnection, offer: str, grant_ids: Sequence[str], now: datetime) -> Sequence[str]:
    """One code of the offer for each grant, each handed out once, whoever else takes some at the same time.

    Raises:
        RuntimeError: if there are not as many.
    """
    free = (
        select(_CODES.c.code)
        .where(_CODES.c.offer == offer, _CODES.c.taken_at.is_(None))
        .order_by(_CODES.c.code)
        .limit(len(grant_ids))
        .with_for_update(skip_locked=True)
    )
    codes = list(await connection.scalars(free))
    if len(codes) < len(grant_ids):
        raise RuntimeError(f"offer {offer}: {len(grant_ids)} codes were wanted, {len(codes)} are free")
    taken = (
        update(_CODES)
        .where(_CODES.c.offer == offer, _CODES.c.code == bindparam("taken"))
        .values(taken_at=now, grant_id=bindparam("by_grant"))
    )
    await connection.execute(
        taken, [{"taken": code, "by_grant": id_} for code, id_ in zip(codes, grant_ids, strict=True)]
    )
    return codes
