"""Who may be the same person as one customer, by indexes only: for a page that somebody waits for.

The list of all likely pairs (:mod:`campaigns.customers.duplicates`) reads every name and every column of the shop's and
finds more: the same name in another script, and numbers that stand in others' columns only.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.customers.duplicates import FIELDS, SHARED_BY, Likeness, likeness, people_of
from campaigns.customers.spelling import spelling
from core.ids import ANONYMOUS
from core.messages import EMAIL, SMS, WHATSAPP
from core.text import folded
from storage.outbox.columns import table
from storage.tables import Audit, Customer, DistinctPair, Identity

_CUSTOMERS, _IDENTITIES, _AUDIT, _PAIRS = table(Customer), table(Identity), table(Audit), table(DistinctPair)
_PHONES = (SMS, WHATSAPP)
_ZEROS = 6
"""How many zeros before a number of the shop's are thought of."""
_Reasons = dict[str, dict[str, str]]


async def resembling(connection: AsyncConnection, customer_id: str, *, limit: int = 5) -> list[Likeness]:
    """Customers who may be this one, the likeliest first; ``one`` is always the customer who was asked for."""
    me = (await connection.execute(select(_CUSTOMERS).where(_CUSTOMERS.c.id == customer_id))).one()
    found: _Reasons = defaultdict(dict)
    await _by_address(connection, me, found)
    await _by_claims(connection, me.id, found)
    await _by_number(connection, me, found)
    await _by_name(connection, me, found)
    others = {id_ for id_ in found if id_ != me.id and id_ < ANONYMOUS} - await _distinct(connection, me.id)
    people = await people_of(connection, {me.id, *others})
    likely = [
        Likeness(
            people[me.id], people[id_], likeness(found[id_], people[me.id], people[id_]),
            tuple(sorted(found[id_].items())),
        )
        for id_ in others
        if id_ in people
    ]  # fmt: skip
    return sorted(likely, key=lambda pair: (-pair.score, pair.other["id"]))[:limit]


def _note(found: _Reasons, kind: str, shared: str, ids: Iterable[str]) -> None:
    """What more than a few have in common tells nothing."""
    told = list(dict.fromkeys(ids))
    if len(told) < SHARED_BY:
        for id_ in told:
            found[id_][kind] = shared


async def _by_address(connection: AsyncConnection, me: Any, found: _Reasons) -> None:
    rows = await connection.execute(
        select(_IDENTITIES.c.channel, _IDENTITIES.c.address).where(_IDENTITIES.c.customer_id == me.id)
    )
    mine: dict[str, set[str]] = {"phone": set(), "email": set()}
    for row in rows:
        kind = "phone" if row.channel in _PHONES and row.address.startswith("+") else row.channel
        mine.setdefault(kind, set()).add(row.address)
    for kind, names in FIELDS.items():
        mine[kind] |= {_plain(value) for name in names if isinstance(value := (me.attributes or {}).get(name), str)}
    for kind, channels in (("phone", _PHONES), ("email", (EMAIL,))):
        for value in sorted(one for one in mine[kind] if one):
            same = (_IDENTITIES.c.channel.in_(channels), _IDENTITIES.c.scope == "", _IDENTITIES.c.address == value)
            owners = await connection.scalars(select(_IDENTITIES.c.customer_id).where(*same))
            _note(found, kind, value, (id_ for id_ in owners if id_ != me.id))


def _plain(value: str) -> str:
    return value.translate(str.maketrans("", "", " -()")).lower()


async def _by_claims(connection: AsyncConnection, me: str, found: _Reasons) -> None:
    """Somebody left an address of theirs in a chat, or opened the link of their letter; or they did so."""
    addresses = select(_IDENTITIES.c.id).where(_IDENTITIES.c.customer_id == me)
    claimed, joined = _AUDIT.c.detail["claimed_by"].as_string(), _AUDIT.c.detail["to"].as_string()
    acts = (_AUDIT.c.subject == "identity", _AUDIT.c.action.in_(["address claimed", "join refused"]))
    theirs = select(claimed, joined).where(*acts, _AUDIT.c.subject_id.in_(addresses)).limit(SHARED_BY)
    ids = [id_ for row in await connection.execute(theirs) for id_ in row if id_]
    of_mine = (
        select(_IDENTITIES.c.customer_id)
        .join(_AUDIT, _AUDIT.c.subject_id == _IDENTITIES.c.id)
        .where(*acts, or_(claimed == me, joined == me))
        .limit(SHARED_BY)
    )
    ids += list(await connection.scalars(of_mine))
    _note(found, "claimed", "", (id_ for id_ in ids if id_ != me))


async def _by_number(connection: AsyncConnection, me: Any, found: _Reasons) -> None:
    if not me.external_id:
        return
    bare = me.external_id.lower().lstrip("0")
    ways = {"0" * zeros + way for zeros in range(_ZEROS + 1) for way in (bare, bare.upper(), me.external_id)}
    alike = select(_CUSTOMERS.c.id).where(_CUSTOMERS.c.external_id.in_(sorted(ways)), _CUSTOMERS.c.id != me.id)
    _note(found, "external_id", bare, await connection.scalars(alike) if bare else ())


async def _by_name(connection: AsyncConnection, me: Any, found: _Reasons) -> None:
    if not (me.first_name and me.last_name and (me.birthday or me.city)):
        return
    names = sorted({folded(f"{me.first_name} {me.last_name}"), folded(f"{me.last_name} {me.first_name}")})
    namesakes = select(_CUSTOMERS.c.id, _CUSTOMERS.c.birthday, _CUSTOMERS.c.city).where(
        _CUSTOMERS.c.search.in_(names), _CUSTOMERS.c.id != me.id
    )
    rows: Sequence[Any] = (await connection.execute(namesakes.limit(100))).all()
    name = f"{me.first_name} {me.last_name}"
    _note(found, "name_birthday", name, (row.id for row in rows if me.birthday and row.birthday == me.birthday))
    here = spelling(me.city)
    _note(found, "name_city", name, (row.id for row in rows if here and spelling(row.city) == here))


async def _distinct(connection: AsyncConnection, me: str) -> set[str]:
    """Of whom somebody said that they are somebody else."""
    rows = await connection.execute(
        select(_PAIRS.c.one_id, _PAIRS.c.other_id).where(or_(_PAIRS.c.one_id == me, _PAIRS.c.other_id == me))
    )
    return {id_ for row in rows for id_ in row} - {me}
