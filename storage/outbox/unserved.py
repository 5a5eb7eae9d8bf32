"""Countries that a provider turned out not to serve: learned from one refusal, believed by all for a day.

Permission for a country belongs to the whole account (Twilio's geographic permissions): without this, each of its
recipients would cost a request of their own. A day later the first one tries again.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.addresses import phone_country
from storage.outbox.columns import table
from storage.statements import insert_into
from storage.tables import Identity, Message, Setting

BELIEVED = timedelta(hours=24)
"""Of business time."""
_PREFIX, _AFTER = "unserved/", "unserved0"
_MESSAGES, _IDENTITIES, _SETTINGS = table(Message), table(Identity), table(Setting)


async def learn_unserved(connection: AsyncConnection, message_ids: Sequence[str], now: datetime) -> None:
    """Note the countries of these messages, which were refused because of it, for their channels."""
    if not message_ids:
        return
    wanted = (
        select(_MESSAGES.c.channel, _IDENTITIES.c.address)
        .join(_IDENTITIES, _IDENTITIES.c.id == _MESSAGES.c.identity_id)
        .where(_MESSAGES.c.id.in_(message_ids))
    )
    found = {(row.channel, country_of(row.address)) for row in await connection.execute(wanted)}
    for channel, country in sorted(found):
        if country:
            row = {"name": f"{_PREFIX}{channel}/{country}", "value": True, "updated_at": now}
            statement = insert_into(connection, _SETTINGS).values(row)
            newest = statement.on_conflict_do_update(index_elements=["name"], set_={"updated_at": now})
            await connection.execute(newest)


async def unserved_now(connection: AsyncConnection, now: datetime) -> dict[str, frozenset[str]]:
    """By channel: the countries that it was found not to serve within the last day."""
    names = await connection.scalars(
        select(_SETTINGS.c.name).where(
            _SETTINGS.c.name > _PREFIX, _SETTINGS.c.name < _AFTER, _SETTINGS.c.updated_at > now - BELIEVED
        )
    )
    found: defaultdict[str, set[str]] = defaultdict(set)
    for name in names:
        channel, _, country = name.removeprefix(_PREFIX).partition("/")
        found[channel].add(country)
    return {channel: frozenset(countries) for channel, countries in found.items()}


def country_of(address: str) -> str:
    """The country of an address that is a phone number, empty of any other."""
    try:
        return phone_country(address) if address.startswith("+") else ""
    except ValueError:
        return ""
