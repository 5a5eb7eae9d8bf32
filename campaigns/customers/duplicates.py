"""Customers who may be one person, for somebody to decide: found set by set, scored, with the reasons.

Nobody is merged by likeness. What is shared by many (a shop's own telephone, a placeholder) says nothing of anybody.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from math import prod
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, case, exists, func, literal, or_, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.customers.spelling import spelling
from core.actors import Actor
from core.errors import Refused
from core.ids import ANONYMOUS
from core.messages import EMAIL, SMS, WHATSAPP
from storage.outbox.columns import table
from storage.statements import chunks, insert_missing
from storage.tables import Audit, Customer, DistinctPair, Identity

_CUSTOMERS, _IDENTITIES, _AUDIT, _PAIRS = table(Customer), table(Identity), table(Audit), table(DistinctPair)
SHARED_BY = 5
"""What more customers than these have in common tells nothing."""
MOST = 2_000
"""Pairs that one kind of likeness may bring."""
WEIGHTS = {
    "phone": 0.8, "email": 0.85, "claimed": 0.7, "name_birthday": 0.75, "name_city": 0.4, "external_id": 0.5,
}  # fmt: skip
OTHER_BIRTHDAY = 0.4
"""What two different birthdays leave of a score."""
FIELDS = {"phone": ("phone", "mobile", "telephone"), "email": ("email", "mail")}
"""Columns of the shop's own that hold an address, by its kind."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """Two customers, how likely they are one (0 to 1), and why: (kind, what they share)."""

    one: dict[str, Any]
    other: dict[str, Any]
    score: float
    reasons: tuple[tuple[str, str], ...]


async def likely_duplicates(connection: AsyncConnection, *, limit: int = 50) -> list[Likeness]:
    """The likeliest pairs that nobody has said to be two people, the likeliest first."""
    found: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for query in (_contacts(), _claims(), _numbers()):
        for one, other, kind, shared in (await connection.execute(query.limit(MOST))).all():
            found[one, other][kind] = str(shared or "")
    for one, other, kind, name in await _namesakes(connection):
        found[one, other][kind] = name
    people = await people_of(connection, {id_ for pair in found for id_ in pair})
    likely = [
        Likeness(
            people[one], people[other], likeness(reasons, people[one], people[other]), tuple(sorted(reasons.items()))
        )
        for (one, other), reasons in found.items()
        if one in people and other in people
    ]
    return sorted(likely, key=lambda pair: (-pair.score, pair.one["id"], pair.other["id"]))[:limit]


def likeness(reasons: Iterable[str], one: dict[str, Any], other: dict[str, Any]) -> float:
    """How likely two customers are one (0 to 1) for these reasons."""
    score = 1 - prod(1 - WEIGHTS[kind] for kind in reasons)
    differ = one["birthday"] and other["birthday"] and one["birthday"] != other["birthday"]
    return round(score * (OTHER_BIRTHDAY if differ else 1), 2)


async def keep_distinct(connection: AsyncConnection, one: str, other: str, actor: Actor, now: datetime) -> None:
    """Remember that the two are not the same person: they are suggested no more.

    Raises:
        Refused: if it is one customer.
    """
    if one == other:
        raise Refused("that is one and the same customer")
    first, second = sorted((one, other))
    row = {"one_id": first, "other_id": second, "at": now, "actor": str(actor)}
    await insert_missing(connection, _PAIRS, [row])


def _contacts() -> Select[Any]:
    """The same number or mail address, as an address on any channel or in a column of the shop's."""
    phones = select(
        _IDENTITIES.c.customer_id, literal("phone").label("kind"), _IDENTITIES.c.address.label("value")
    ).where(_IDENTITIES.c.channel.in_([SMS, WHATSAPP]), _IDENTITIES.c.address.startswith("+"))
    mails = select(_IDENTITIES.c.customer_id, literal("email"), _IDENTITIES.c.address).where(
        _IDENTITIES.c.channel == EMAIL
    )
    fields = [
        select(_CUSTOMERS.c.id, literal(kind), _plain(_CUSTOMERS.c.attributes[name].as_string())).where(
            _plain(_CUSTOMERS.c.attributes[name].as_string()).like("+%" if kind == "phone" else "%@%")
        )
        for kind, names in FIELDS.items()
        for name in names
    ]
    told = union(phones, mails, *fields).cte("contacts")
    return _alike(told, told.c.customer_id, [told.c.kind, told.c.value], told.c.kind, told.c.value)


def _plain(column: ColumnElement[str]) -> ColumnElement[str]:
    for dropped in (" ", "-", "(", ")"):
        column = func.replace(column, dropped, "")
    return func.lower(column)


async def _namesakes(connection: AsyncConnection) -> list[tuple[str, str, str, str]]:
    """The same name, in any script and order, with the same birthday, or in the same town: (one, other, kind, name).

    Spelling is ours to do: a hundred replacements a name take a database ten times as long.
    """
    alike: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    last = ""
    while rows := (await connection.execute(_NAMED, {"last": last})).all():
        for id_, given, family, birthday, city in rows:
            name = " ".join(sorted((spelling(given), spelling(family))))
            for kind, value in (("name_birthday", birthday), ("name_city", spelling(city))):
                if value:
                    alike[kind, name, value].append(id_)
        last = rows[-1].id
        await asyncio.sleep(0)  # others have something to do meanwhile
    few = ((key, ids) for key, ids in alike.items() if 1 < len(ids) <= SHARED_BY)
    pairs = [(one, other, kind, name) for (kind, name, _), ids in few for one, other in combinations(ids, 2)]
    return await _without_decided(connection, pairs)


_NAMED = (
    select(_CUSTOMERS.c.id, _CUSTOMERS.c.first_name, _CUSTOMERS.c.last_name, _CUSTOMERS.c.birthday, _CUSTOMERS.c.city)
    .where(
        _CUSTOMERS.c.id > bindparam("last"),
        _CUSTOMERS.c.id < ANONYMOUS,
        _CUSTOMERS.c.first_name != "",
        _CUSTOMERS.c.last_name != "",
        or_(_CUSTOMERS.c.birthday.is_not(None), _CUSTOMERS.c.city != ""),
    )
    .order_by(_CUSTOMERS.c.id)
    .limit(10_000)
)


async def _without_decided(
    connection: AsyncConnection, pairs: list[tuple[str, str, str, str]]
) -> list[tuple[str, str, str, str]]:
    decided = set()
    for part in chunks(sorted({pair[0] for pair in pairs})):
        rows = await connection.execute(select(_PAIRS.c.one_id, _PAIRS.c.other_id).where(_PAIRS.c.one_id.in_(part)))
        decided |= {(row.one_id, row.other_id) for row in rows}
    # a birthday in common says more than a town: where there are too many pairs, towns are left out
    told = sorted((pair for pair in pairs if pair[:2] not in decided), key=lambda pair: pair[2] == "name_city")
    return told[:MOST]


def _numbers() -> Select[Any]:
    """The shop's own number, but for letters' case and leading zeros."""
    number = func.ltrim(func.lower(_CUSTOMERS.c.external_id), "0")
    told = (
        select(_CUSTOMERS.c.id, literal("external_id").label("kind"), number.label("value"))
        .where(_CUSTOMERS.c.external_id.is_not(None), number != "")
        .cte("numbers")
    )
    return _alike(told, told.c.id, [told.c.value], told.c.kind, told.c.value)


def _alike(
    told: Any, owner: ColumnElement[str], keys: list[Any], kind: ColumnElement[str], shown: ColumnElement[str]
) -> Select[Any]:
    """Pairs of customers with the same ``keys`` in ``told``, which few have."""
    few = (
        select(*keys).group_by(*keys).having(func.count(owner.distinct()).between(2, SHARED_BY)).cte(f"few_{told.name}")
    )
    other = told.alias()
    same = and_(*(told.c[key.name] == other.c[key.name] for key in keys))
    rare = and_(*(told.c[key.name] == few.c[key.name] for key in keys))
    pairs = select(owner, other.c[owner.name], kind, shown).select_from(told.join(few, rare).join(other, same))
    return pairs.where(owner < other.c[owner.name], *_undecided(owner, other.c[owner.name])).order_by(owner)


def _claims() -> Select[Any]:
    """Somebody left another's address in a chat, or opened the link in another's letter."""
    claimed = _AUDIT.c.detail["claimed_by"].as_string()
    joined = _AUDIT.c.detail["to"].as_string()
    claimant = case((_AUDIT.c.action == "address claimed", claimed), else_=joined)
    pairs = (
        select(_IDENTITIES.c.customer_id.label("owner"), claimant.label("claimant"))
        .join(_AUDIT, and_(_AUDIT.c.subject == "identity", _AUDIT.c.subject_id == _IDENTITIES.c.id))
        .where(_AUDIT.c.action.in_(["address claimed", "join refused"]))
        .distinct()
        .cte("claims")
    )
    one = case((pairs.c.owner < pairs.c.claimant, pairs.c.owner), else_=pairs.c.claimant)
    other = case((pairs.c.owner < pairs.c.claimant, pairs.c.claimant), else_=pairs.c.owner)
    ordered = (
        select(one.label("one"), other.label("other"))
        .where(pairs.c.owner != pairs.c.claimant)
        .distinct()
        .cte("ordered")
    )
    return (
        select(ordered.c.one, ordered.c.other, literal("claimed"), literal(""))
        .where(*_undecided(ordered.c.one, ordered.c.other))
        .order_by(ordered.c.one)
    )


def _undecided(one: ColumnElement[str], other: ColumnElement[str]) -> list[ColumnElement[bool]]:
    decided = exists(select(_PAIRS.c.one_id).where(_PAIRS.c.one_id == one, _PAIRS.c.other_id == other))
    return [one < ANONYMOUS, other < ANONYMOUS, ~decided]


async def people_of(connection: AsyncConnection, ids: set[str]) -> dict[str, dict[str, Any]]:
    """Whoever of these is there, by id: what tells one customer from another."""
    names = ("id", "external_id", "first_name", "last_name", "birthday", "city", "created_at")
    people = {}
    for part in chunks(sorted(ids)):
        rows = await connection.execute(
            select(*(_CUSTOMERS.c[name] for name in names)).where(_CUSTOMERS.c.id.in_(part))
        )
        people.update({row.id: dict(row._mapping) for row in rows})  # noqa: SLF001  public API of Row
    return people
