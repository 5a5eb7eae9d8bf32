"""What staff change about a customer: fields, tags, the language, consent that was given by word of mouth.

Every change stands in the audit by the names of what was changed; consent has its own ledger with its wording.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.learning import set_language
from campaigns.customers.consents import Proof, grant, withdraw, withdraw_identity
from campaigns.engine import ChangeCustomer
from campaigns.running.changes import change_customers
from core.actors import Actor
from core.ids import new_id
from desk.customers.refusing import CannotBe
from desk.team.fields import is_zone
from storage.outbox.columns import table
from storage.statements import lock_customers
from storage.tables import Audit, Customer, CustomerTag

_CUSTOMERS, _TAGS, _AUDIT = table(Customer), table(CustomerTag), table(Audit)
FIELDS: Mapping[str, int] = {
    "first_name": 120, "last_name": 120, "locale": 16, "zone": 64, "city": 120, "country": 2, "birthday": 10,
    "stage": 60,
}  # fmt: skip
"""What may be changed by hand, and how long it may be."""
MOST_TAGS, LONGEST_TAG = 50, 60
LONGEST_SOURCE, LONGEST_WORDING = 200, 2_000
_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_COUNTRY = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True)
class Filled:
    """The fields as they are to be, and the names of those that cannot be taken."""

    fields: Mapping[str, str]
    wrong: Sequence[str] = field(default=())


def filled(form: Mapping[str, str]) -> Filled:
    """Read a form: only the fields that are in it; an empty one empties."""
    given = {name: form[name].strip() for name in FIELDS if name in form}
    given |= {"country": given["country"].upper()} if "country" in given else {}
    wrong = [name for name, value in given.items() if value and not _may_be(name, value)]
    return Filled({} if wrong else given, tuple(wrong))


def _may_be(name: str, value: str) -> bool:
    if len(value) > FIELDS[name] or not value.isprintable():
        return False
    match name:
        case "locale":
            return _LOCALE.fullmatch(value) is not None
        case "zone":
            return is_zone(value)
        case "country":
            return _COUNTRY.fullmatch(value) is not None
        case "birthday":
            try:
                return date.fromisoformat(value).year > 1850
            except ValueError:
                return False
    return True


async def change_fields(
    connection: AsyncConnection, customer_id: str, given: Mapping[str, str], actor: Actor, now: datetime
) -> Sequence[str]:
    """Set these fields, which :func:`filled` has read; gives the names of those that are news.

    Raises:
        CannotBe: if there is no such customer.
    """
    row = await _locked(connection, customer_id)
    changed = {name: value for name, value in given.items() if value != (row[name] or "")}
    if not changed:
        return ()
    if "locale" in changed:
        await set_language(connection, customer_id, changed["locale"], now)
    fields = {name: value or None for name, value in changed.items()}
    await change_customers(connection, [(customer_id, ChangeCustomer(fields))], now)
    await _noted(connection, customer_id, "customer changed", sorted(changed), actor, now)
    return sorted(changed)


async def tag(connection: AsyncConnection, customer_id: str, word: str, actor: Actor, now: datetime) -> None:
    """Put a word on the customer.

    Raises:
        CannotBe: if it is empty or too long, they have too many, or there is no such customer.
    """
    word = " ".join(word.split())
    if not word or len(word) > LONGEST_TAG or not word.isprintable():
        raise CannotBe("wrong_tag", most=LONGEST_TAG)
    await _locked(connection, customer_id)
    held = set(await connection.scalars(select(_TAGS.c.tag).where(_TAGS.c.customer_id == customer_id)))
    if word in held:
        return
    if len(held) >= MOST_TAGS:
        raise CannotBe("many_tags", most=MOST_TAGS)
    await change_customers(connection, [(customer_id, ChangeCustomer(tag=(word,)))], now)
    await _noted(connection, customer_id, "tag added", [word], actor, now)


async def untag(connection: AsyncConnection, customer_id: str, word: str, actor: Actor, now: datetime) -> None:
    """Take a word off the customer.

    Raises:
        CannotBe: if there is no such customer.
    """
    await _locked(connection, customer_id)
    held = _TAGS.c.customer_id == customer_id, _TAGS.c.tag == word
    if await connection.scalar(select(_TAGS.c.tag).where(*held)) is None:
        return
    await change_customers(connection, [(customer_id, ChangeCustomer(untag=(word,)))], now)
    await _noted(connection, customer_id, "tag removed", [word], actor, now)


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a customer said about marketing, to whom, and in which words. ``identity`` empty: about every address."""

    granted: bool
    identity: str
    source: str
    wording: str


async def note_consent(
    connection: AsyncConnection, customer_id: str, said: Spoken, actor: Actor, now: datetime
) -> None:
    """Write down that the customer agreed to marketing on one address, or refused it there or everywhere.

    Raises:
        CannotBe: without where it was said and in which words, or if there is no such customer.
    """
    if not said.source.strip() or not said.wording.strip():
        raise CannotBe("consent_proof")
    if len(said.source) > LONGEST_SOURCE or len(said.wording) > LONGEST_WORDING:
        raise CannotBe("consent_long", source=LONGEST_SOURCE, wording=LONGEST_WORDING)
    await _locked(connection, customer_id)
    proof = Proof(said.source.strip(), said.wording.strip(), actor, now)
    if said.granted:
        if not said.identity:
            raise CannotBe("consent_where")
        await grant(connection, customer_id, [said.identity], proof)
    elif said.identity:
        await withdraw_identity(connection, said.identity, customer_id, proof)
    else:
        await withdraw(connection, customer_id, proof, now=now)


async def _locked(connection: AsyncConnection, customer_id: str) -> Mapping[str, Any]:
    await lock_customers(connection, [customer_id], shared=False)
    row = (await connection.execute(select(_CUSTOMERS).where(_CUSTOMERS.c.id == customer_id))).first()
    if row is None:
        raise CannotBe("lost")
    return dict(row._mapping)  # noqa: SLF001  public API of Row


async def _noted(
    connection: AsyncConnection, customer_id: str, action: str, fields: Sequence[str], actor: Actor, now: datetime
) -> None:
    """Which, not what: values are the customer's own, and go when they are erased."""
    await connection.execute(
        _AUDIT.insert(),
        {"id": new_id(), "at": now, "actor": str(actor), "action": action, "subject": "customer",
         "subject_id": customer_id, "detail": {"fields": list(fields)}},
    )  # fmt: skip


async def note_export(connection: AsyncConnection, customer_id: str, actor: Actor, now: datetime) -> None:
    """Write down that somebody took all that is held about the customer out of the store."""
    await _noted(connection, customer_id, "customer exported", [], actor, now)
