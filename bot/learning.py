"""What is learnt of a customer by the way: the language that they write in, the zone that they live in."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.languages import LATER, language_of_text, learnt
from core.messages import SMS, WHATSAPP, Address
from core.zones import single_zone, zone
from storage.outbox.columns import table
from storage.tables import Customer, Message

_CUSTOMERS, _MESSAGES = table(Customer), table(Message)
LOOKED_AT = 3 * LATER
"""Messages among which those that tell a language are looked for."""


async def learn_language(connection: AsyncConnection, customer_id: str, text: str, now: datetime) -> str | None:
    """Remember the customer's language by ``text``, which was just logged; gives it if that is news.

    Most of the time it asks the database nothing but the customer's own row.
    """
    written = language_of_text(text)
    if not written:
        return None
    row = (
        await connection.execute(
            select(_CUSTOMERS.c.locale, _CUSTOMERS.c.locale_by).where(_CUSTOMERS.c.id == customer_id)
        )
    ).first()
    if row is None or learnt(row.locale, row.locale_by, [written] * LATER) is None:
        return None  # not even three of these would change it
    newest_first = await connection.scalars(
        select(_MESSAGES.c.body)
        .where(_MESSAGES.c.customer_id == customer_id, _MESSAGES.c.direction == "in")
        .order_by(_MESSAGES.c.created_at.desc(), _MESSAGES.c.id.desc())
        .limit(LOOKED_AT)
    )
    language = learnt(row.locale, row.locale_by, map(language_of_text, newest_first))
    if language is not None:
        await connection.execute(
            update(_CUSTOMERS)
            .where(_CUSTOMERS.c.id == customer_id, _CUSTOMERS.c.locale_by != "agent")
            .values(locale=language, locale_by="detected", updated_at=now)
        )
    return language


async def set_language(connection: AsyncConnection, customer_id: str, locale: str, now: datetime) -> None:
    """An agent says which language the customer speaks: what they write changes it no more."""
    await connection.execute(
        update(_CUSTOMERS)
        .where(_CUSTOMERS.c.id == customer_id)
        .values(locale=locale, locale_by="agent", updated_at=now)
    )


def zone_of(address: Address) -> str:
    """The zone that an address tells: a phone number's country may have a single one. Empty where it does not."""
    if address.channel not in (SMS, WHATSAPP) or not address.value.startswith("+"):
        return ""
    from core.addresses import phone_country

    return single_zone(phone_country(address.value))


async def learn_zone(
    connection: AsyncConnection, customer_id: str, now: datetime, *, address: Address | None = None, browser: str = ""
) -> str | None:
    """Remember where the customer is, by their browser's zone or their number; gives it if that is news.

    The browser (``Intl.DateTimeFormat().resolvedOptions().timeZone``) knows better than a number, and both yield to the
    zone that is the customer's own: they are kept as a guess.
    """
    guess = zone_of_browser(browser)
    seen = bool(guess)
    if not guess and address is not None:
        guess = zone_of(address)
    if not guess:
        return None
    unknown = _CUSTOMERS.c.zone_guess == ""
    changes = _CUSTOMERS.c.zone_guess != guess if seen else unknown
    learnt_now = await connection.execute(
        update(_CUSTOMERS).where(_CUSTOMERS.c.id == customer_id, changes).values(zone_guess=guess, updated_at=now)
    )
    return guess if learnt_now.rowcount else None


def zone_of_browser(name: str) -> str:
    """The zone that a browser names, if there is one of that name; else empty."""
    try:
        return name if name and len(name) <= 64 and zone(name) else ""
    except ValueError:
        return ""
