"""Keys of the API: made, listed, revoked and recognised.

A key is ``otk_`` + its id + ``_`` + 256 random bits. It is shown once; the store has the SHA-256 of the random part,
which is enough for a secret that nobody can guess. It is looked up by its id and compared in constant time.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.actors import Actor
from core.errors import Refused
from core.ids import ID_LENGTH, new_id
from storage.outbox.columns import table
from storage.tables import ApiKey, Audit

PREFIX = "otk"
USE_NOTED_EVERY = timedelta(minutes=1)
ENVIRONMENT = "environment"
"""The id of what ``OTKLIK_API_TOKEN`` lets in: every scope."""
_KEYS = table(ApiKey)


class Scope(StrEnum):
    """What a key may do."""

    CUSTOMERS_READ = "customers:read"
    CUSTOMERS_WRITE = "customers:write"
    EVENTS_WRITE = "events:write"
    CAMPAIGNS_READ = "campaigns:read"
    CAMPAIGNS_TRIGGER = "campaigns:trigger"
    REPORTS_READ = "reports:read"


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever a request comes from."""

    id: str
    name: str
    scopes: frozenset[Scope]


@dataclass(frozen=True, slots=True)
class KeyLine:
    """A key as it is listed; ``state``: valid, expired, revoked."""

    name: str
    scopes: tuple[str, ...]
    state: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None


def read_scopes(text: str) -> list[Scope]:
    """Scopes out of ``a,b``.

    Raises:
        Refused: naming the one that is none.
    """
    found = []
    for word in filter(None, (part.strip() for part in text.split(","))):
        try:
            found.append(Scope(word))
        except ValueError:
            raise Refused(f"{word!r} is no scope; the scopes are {', '.join(Scope)}") from None
    if not found:
        raise Refused(f"a key needs a scope; the scopes are {', '.join(Scope)}")
    return sorted(set(found))


async def create_key(
    connection: AsyncConnection, name: str, scopes: Sequence[Scope], expires_at: datetime | None, actor: Actor,
    machine_now: datetime,
) -> str:  # fmt: skip
    """A new key, to be shown once.

    Raises:
        Refused: if the name is taken, or the key would be no use at once.
    """
    if not name or len(name) > 80:
        raise Refused("a key needs a name of up to 80 characters, such as: shop")
    if expires_at is not None and expires_at <= machine_now:
        raise Refused("the key would have expired already; give a later day")
    if await connection.scalar(select(_KEYS.c.id).where(_KEYS.c.name == name)) is not None:
        raise Refused(f"there is a key {name!r} already; take another name, such as {name}-2")
    id_, secret = new_id(), secrets.token_hex(32)
    await connection.execute(
        _KEYS.insert(),
        {
            "id": id_, "name": name, "hash": _digest(secret), "scopes": [scope.value for scope in scopes],
            "created_at": machine_now, "created_by": str(actor), "expires_at": expires_at,
        },
    )  # fmt: skip
    await _write_down(connection, actor, "create", id_, name, machine_now)
    return f"{PREFIX}_{id_}_{secret}"


async def list_keys(connection: AsyncConnection, machine_now: datetime) -> list[KeyLine]:
    """Every key, the oldest first."""
    rows = await connection.execute(_KEYS.select().order_by(_KEYS.c.id))
    return [
        KeyLine(
            row.name,
            tuple(row.scopes),
            "revoked" if row.revoked_at else "expired" if _expired(row.expires_at, machine_now) else "valid",
            row.created_at,
            row.created_by,
            row.expires_at,
            row.last_used_at,
        )
        for row in rows
    ]


async def revoke_key(connection: AsyncConnection, name: str, actor: Actor, machine_now: datetime) -> None:
    """From the commit on the key opens nothing.

    Raises:
        Refused: if there is no such key, or it was revoked before.
    """
    row = (await connection.execute(_KEYS.select().where(_KEYS.c.name == name))).first()
    if row is None:
        known = sorted(await connection.scalars(select(_KEYS.c.name).where(_KEYS.c.revoked_at.is_(None))))
        raise Refused(f"there is no key {name!r}; the keys are: {', '.join(known) or 'none'}")
    if row.revoked_at is not None:
        raise Refused(f"key {name!r} was revoked already, on {row.revoked_at:%Y-%m-%d}")
    await connection.execute(update(_KEYS).where(_KEYS.c.id == row.id).values(revoked_at=machine_now))
    await _write_down(connection, actor, "revoke", row.id, name, machine_now)


async def recognise(connection: AsyncConnection, presented: str, machine_now: datetime) -> tuple[Caller, bool] | None:
    """Whose key this is, and whether its use should be noted now; None for what opens nothing."""
    prefix, _, rest = presented.partition("_")
    id_, _, secret = rest.partition("_")
    if prefix != PREFIX or len(id_) != ID_LENGTH or not id_.isascii():
        return None
    row = (await connection.execute(_KEYS.select().where(_KEYS.c.id == id_))).first()
    fits = hmac.compare_digest(_digest(secret), row.hash if row is not None else _digest(""))
    if row is None or not fits or row.revoked_at is not None or _expired(row.expires_at, machine_now):
        return None
    stale = row.last_used_at is None or machine_now - row.last_used_at >= USE_NOTED_EVERY
    known = {scope.value for scope in Scope}
    return Caller(row.id, row.name, frozenset(Scope(word) for word in row.scopes if word in known)), stale


async def note_use(connection: AsyncConnection, caller: Caller, machine_now: datetime) -> None:
    """Remember when the key was last used, to the minute."""
    late = or_(_KEYS.c.last_used_at.is_(None), _KEYS.c.last_used_at <= machine_now - USE_NOTED_EVERY)
    await connection.execute(update(_KEYS).where(_KEYS.c.id == caller.id, late).values(last_used_at=machine_now))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _expired(expires_at: datetime | None, machine_now: datetime) -> bool:
    return expires_at is not None and machine_now >= expires_at


async def _write_down(connection: AsyncConnection, actor: Actor, verb: str, id_: str, name: str, at: datetime) -> None:
    await connection.execute(
        table(Audit).insert(),
        {
            "id": new_id(), "at": at, "actor": str(actor), "action": f"{verb} key", "subject": "api key",
            "subject_id": id_, "detail": {"name": name},
        },
    )  # fmt: skip
