"""Who wrote: from an address to a customer.

A messenger's provider vouches for the sender. A mail is vouched for by a signed reply address or by the id of a message
that this very customer got; one that has only its ``From:`` is *unverified*: it may stop things, and proves nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Row, and_, bindparam, case, delete, null, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.context import Context
from bot.learning import zone_of, zone_of_browser
from campaigns.responding.attribution import NOTHING, Attribution, attribute, attribute_token
from core.addresses import identity_key, phone_country
from core.clock import EPOCH
from core.draws import customer_draw
from core.errors import PermanentKind
from core.ids import new_id
from core.messages import EMAIL, SMS, WHATSAPP, Address, InboundMessage
from core.text import clipped, folded
from storage.merging.tombstones import known_by
from storage.outbox.columns import table
from storage.statements import insert_into
from storage.tables import Customer, Identity
from storage.types import Instant

_CUSTOMERS = table(Customer)
_IDENTITIES = table(Identity)
_NOT_LIFTED_BY_WRITING = (PermanentKind.OPTED_OUT.value, PermanentKind.COUNTRY_UNSERVED.value)


@dataclass(frozen=True, slots=True)
class Sender:
    """The customer who wrote, the identity that an answer goes to, and what the message is credited to."""

    customer_id: str
    identity_id: str
    verified: bool
    new: bool = False
    attribution: Attribution = NOTHING


async def resolve(connection: AsyncConnection, inbound: InboundMessage, context: Context) -> Sender | None:
    """The sender, created if nobody has that address; None for a stranger's automatic mail, or a mail from nobody."""
    by_token = await attribute_token(connection, inbound, context.reply_tokens)
    if by_token.customer_id is not None and by_token.identity_id is not None:
        # The token proves that its addressee, or someone they handed the mail to, wrote: the answer goes to the
        # addressee, and the address that this came from is only noted.
        return Sender(by_token.customer_id, by_token.identity_id, verified=True, attribution=by_token)
    if not inbound.sender.value:
        return None
    known = await identity_of(connection, inbound.sender)
    is_mail = inbound.sender.channel == EMAIL
    if known is None:
        if is_mail and inbound.automatic:
            return None
        customer_id, identity_id, new = await _create(connection, inbound, context)
        return Sender(customer_id, identity_id, verified=not is_mail, new=new)
    credited = await attribute(
        connection,
        inbound,
        customer_id=known.customer_id,
        identity_id=known.id,
        since=context.since,
        signer=context.reply_tokens,
    )
    return Sender(known.customer_id, known.id, verified=not is_mail or bool(credited), attribution=credited)


async def identity_of(connection: AsyncConnection, address: Address) -> Row[str, str] | None:
    """(id, customer_id) of the identity with that address."""
    found = await connection.execute(
        select(_IDENTITIES.c.id, _IDENTITIES.c.customer_id).where(
            _IDENTITIES.c.channel == address.channel,
            _IDENTITIES.c.scope == address.scope,
            _IDENTITIES.c.address == address.value,
        )
    )
    return found.first()


async def insert_identity(
    connection: AsyncConnection, customer_id: str, address: Address, context: Context, *, verified: bool, source: str
) -> str | None:
    """Give the customer an address; its id, or None if somebody has it already."""
    inserted: str | None = await connection.scalar(
        insert_into(connection, _IDENTITIES)
        .values(identity_row(customer_id, address, context, verified=verified, source=source))
        .on_conflict_do_nothing()
        .returning(_IDENTITIES.c.id)
    )
    return inserted


def identity_row(
    customer_id: str, address: Address, context: Context, *, verified: bool, source: str
) -> dict[str, Any]:
    """An address of a customer as it is first written."""
    return {
        "id": new_id(),
        "customer_id": customer_id,
        "channel": address.channel,
        "scope": address.scope,
        "address": address.value,
        "key": identity_key(address),
        "verified": verified,
        "reachable": True,
        "unreachable_reason": "",
        "window_from": context.received_at if address.channel == WHATSAPP else None,
        "source": source,
        "created_at": context.now,
    }


def customer_row(inbound: InboundMessage, now: datetime) -> dict[str, Any]:
    """A stranger as they are first written: what the provider says of them."""
    customer_id = new_id()
    first, _, last = clipped(inbound.sender_name, 120).strip().partition(" ")
    return {
        **_blank_customer(),
        "id": customer_id,
        "draw": customer_draw(customer_id),
        "first_name": first,
        "last_name": last.strip(),
        "search": folded(f"{first} {last}"),
        "locale": clipped(inbound.locale, 16),
        "country": _country(inbound.sender),
        "zone_guess": zone_of_browser(inbound.zone) or zone_of(inbound.sender),
        "attributes": {},
        "created_at": now,
        "updated_at": now,
    }


@cache
def _blank_customer() -> dict[str, Any]:
    """A customer of whom nothing is known. Made once: models are dear."""
    return Customer(created_at=EPOCH, updated_at=EPOCH).model_dump()


async def _create(connection: AsyncConnection, inbound: InboundMessage, context: Context) -> tuple[str, str, bool]:
    """A new customer with this address: (customer, identity, whether it is new)."""
    address = inbound.sender
    if inbound.customer and (known_customer := await known_by(connection, inbound.customer)) is not None:
        identity_id = await insert_identity(
            connection, known_customer, address, context, verified=True, source=f"logged in, {address.channel}"
        )
        if identity_id is not None:
            return known_customer, identity_id, False
    customer = customer_row(inbound, context.now)
    customer_id = str(customer["id"])
    await connection.execute(_CUSTOMERS.insert().values(**customer))
    verified = address.channel != EMAIL
    identity_id = await insert_identity(
        connection, customer_id, address, context, verified=verified, source=wrote_by(address.channel)
    )
    if identity_id is not None:
        return customer_id, identity_id, True
    # Another process has just made this very person from another message.
    await connection.execute(delete(_CUSTOMERS).where(_CUSTOMERS.c.id == customer_id))
    known = await identity_of(connection, address)
    if known is None:
        raise LookupError("an identity is taken and yet not there")
    return known.customer_id, known.id, False


def wrote_by(channel: str) -> str:
    """Where the address of somebody comes from who wrote first."""
    return f"wrote by {channel}"


def _country(address: Address) -> str:
    if address.channel not in (SMS, WHATSAPP) or not address.value.startswith("+"):
        return ""
    from phonenumbers import NumberParseException

    try:
        return phone_country(address.value)
    except NumberParseException:
        return ""


async def touch(connection: AsyncConnection, inbound: InboundMessage, sender: Sender, context: Context) -> None:
    """Who writes on a messenger is there: the address is verified and reachable, WhatsApp's window opens.

    A provider's own opt-out list is left by its start word only. A mail proves none of this.
    """
    channel = inbound.sender.channel
    if channel == EMAIL:
        return
    statement = _IS_THERE_AND_TALKS if channel == WHATSAPP else _IS_THERE
    await connection.execute(statement, {"sought": sender.identity_id, "heard_at": context.received_at})


def is_there(identity: Any, channel: str, at: datetime) -> bool:
    """Whether an identity's row says already what :func:`touch` would write of a message received ``at``."""
    returns = not identity.reachable and identity.unreachable_reason not in _NOT_LIFTED_BY_WRITING
    talks = channel == WHATSAPP and (identity.window_from is None or identity.window_from < at)
    return bool(identity.verified) and not returns and not talks


async def touch_all(connection: AsyncConnection, heard: Mapping[str, tuple[str, datetime]]) -> None:
    """:func:`touch` for many: ``heard`` are identities with their channel and when they wrote last."""
    there = [{"sought": id_} for id_, (channel, _) in sorted(heard.items()) if channel != WHATSAPP]
    talking = [{"sought": id_, "heard_at": at} for id_, (channel, at) in sorted(heard.items()) if channel == WHATSAPP]
    if there:
        await connection.execute(_IS_THERE, there)
    if talking:
        await connection.execute(_IS_THERE_AND_TALKS, talking)


async def set_reachable(connection: AsyncConnection, identity_id: str) -> None:
    """The address works again, unless its provider's opt-out list or country rule holds it."""
    await connection.execute(_CAN_BE_REACHED, {"sought": identity_id})


_MINE = _IDENTITIES.c.id == bindparam("sought")
_HEARD_AT = bindparam("heard_at", type_=Instant())
_RETURNS = and_(
    _IDENTITIES.c.reachable.is_(False), *(_IDENTITIES.c.unreachable_reason != kind for kind in _NOT_LIFTED_BY_WRITING)
)  # no IN: its list cannot be bound where many rows are executed at once
_TALKS_AGAIN = or_(_IDENTITIES.c.window_from.is_(None), _IDENTITIES.c.window_from < _HEARD_AT)
_CAN_BE_REACHED = (
    update(_IDENTITIES).where(_MINE, _RETURNS).values(reachable=True, unreachable_reason="", unreachable_at=None)
)
_THERE = {
    "verified": True,
    "reachable": case((_RETURNS, True), else_=_IDENTITIES.c.reachable),
    "unreachable_reason": case((_RETURNS, ""), else_=_IDENTITIES.c.unreachable_reason),
    "unreachable_at": case((_RETURNS, null()), else_=_IDENTITIES.c.unreachable_at),
}
_IS_THERE = (
    update(_IDENTITIES).where(_MINE, or_(_IDENTITIES.c.verified.is_(False), _RETURNS)).values(_THERE)
)  # most of the time it changes nothing
_IS_THERE_AND_TALKS = (
    update(_IDENTITIES)
    .where(_MINE, or_(_IDENTITIES.c.verified.is_(False), _RETURNS, _TALKS_AGAIN))
    .values(_THERE | {"window_from": case((_TALKS_AGAIN, _HEARD_AT), else_=_IDENTITIES.c.window_from)})
)
