"""Consent given and taken back, with its proof, and what follows at once.

Every function works in the caller's transaction and locks the customer first, so that nothing of a withdrawn purpose is
dispatched after the commit.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.running.closing import cancel_planned, close_enrolments
from campaigns.versions import definitions
from core.actors import Actor
from core.ids import new_id
from core.machines.enrolment import EXIT
from core.purposes import TOPIC, Purpose, topic_of
from storage.outbox.columns import table
from storage.statements import insert_into, insert_missing, lock_customers
from storage.tables import Consent, ConsentRecord, Enrolment, Identity, Message, Suppression

OPTED_OUT = "opted_out"

_CONSENTS = table(Consent)
_RECORDS = table(ConsentRecord)
_ENROLMENTS = table(Enrolment)
_IDENTITIES = table(Identity)
_MESSAGES = table(Message)
_SUPPRESSIONS = table(Suppression)


@dataclass(frozen=True, slots=True)
class Proof:
    """How a consent or its withdrawal came about: where, in which words, by whom, when (business time).

    ``document`` names the version of the text that was agreed to, such as ``privacy-2026-01``.
    """

    source: str
    wording: str
    actor: Actor
    at: datetime
    document: str = ""


@dataclass(frozen=True, slots=True)
class ConsentChange:
    """What a grant or withdrawal changed: identities, journeys that ended, planned messages that were cancelled.

    ``agreed`` are those of the identities that had agreed before a withdrawal.
    """

    identities: tuple[str, ...] = ()
    exited: tuple[str, ...] = ()
    cancelled: tuple[str, ...] = ()
    agreed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.identities or self.exited or self.cancelled)


async def withdraw(
    connection: AsyncConnection,
    customer_id: str,
    proof: Proof,
    *,
    now: datetime,
    purpose: Purpose = Purpose.MARKETING,
) -> ConsentChange:
    """The customer takes ``purpose`` back on every channel: its journeys exit, its planned messages are cancelled.

    Repeating it changes nothing and says so. An address that never agreed is written down as refusing, too: a later
    import must not find it undecided.
    """
    await lock_customers(connection, [customer_id], shared=False)
    rows = await _consent_rows(connection, customer_id, purpose)
    changed = [row.id for row in rows if row.granted is not False]
    await _write(connection, customer_id, changed, proof, purpose=purpose, granted=False)
    exited, cancelled = await end_journeys(connection, customer_id, purpose, OPTED_OUT, now=now, detail=proof.source)
    agreed = tuple(row.id for row in rows if row.granted)
    return ConsentChange(tuple(changed), exited, cancelled, agreed)


async def end_journeys(
    connection: AsyncConnection, customer_id: str, purpose: Purpose, reason: str, *, now: datetime, detail: str = ""
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """End the customer's journeys of that purpose and cancel what is planned of it: (journeys, messages)."""
    open_rows = (
        await connection.execute(
            select(_ENROLMENTS.c.id, _ENROLMENTS.c.version).where(
                _ENROLMENTS.c.customer_id == customer_id, _ENROLMENTS.c.closed_at.is_(None)
            )
        )
    ).all()
    known = await definitions(connection, {row.version for row in open_rows})
    leaving = [row.id for row in open_rows if row.version in known and known[row.version].purpose is purpose]
    exited = await close_enrolments(connection, leaving, EXIT, reason=reason, now=now, detail=detail)
    of_purpose = and_(_MESSAGES.c.customer_id == customer_id, _MESSAGES.c.purpose == purpose)
    cancelled = await cancel_planned(connection, of_purpose, reason)
    return tuple(exited), tuple(cancelled)


async def withdraw_identity(
    connection: AsyncConnection,
    identity_id: str,
    customer_id: str,
    proof: Proof,
    *,
    purpose: Purpose = Purpose.MARKETING,
) -> bool:
    """Take ``purpose`` back on one address only, as a provider's own opt-out list says; True if that is news."""
    rows = await _consent_rows(connection, customer_id, purpose)
    changed = [row.id for row in rows if row.id == identity_id and row.granted is not False]
    await _write(connection, customer_id, changed, proof, purpose=purpose, granted=False)
    return bool(changed)


async def grant(
    connection: AsyncConnection,
    customer_id: str,
    identity_ids: Iterable[str],
    proof: Proof,
    *,
    purpose: Purpose = Purpose.MARKETING,
) -> ConsentChange:
    """The customer agrees to ``purpose`` on these addresses.

    A grant that was given before the latest withdrawal, but is only read now, changes nothing.
    """
    await lock_customers(connection, [customer_id], shared=False)
    wanted = set(identity_ids)
    rows = [row for row in await _consent_rows(connection, customer_id, purpose) if row.id in wanted]
    changed = [row.id for row in rows if row.granted is None or (row.granted is False and row.at <= proof.at)]
    await _write(connection, customer_id, changed, proof, purpose=purpose, granted=True)
    return ConsentChange(tuple(changed))


async def refuse_topic(connection: AsyncConnection, customer_id: str, topic: str, proof: Proof) -> None:
    """The customer wants no more of one topic, on any of their addresses; other marketing is not touched."""
    await lock_customers(connection, [customer_id], shared=False)
    rows = await _consent_rows(connection, customer_id, topic_of(topic))
    changed = [row.id for row in rows if row.granted is not False]
    await _write(connection, customer_id, changed, proof, purpose=topic_of(topic), granted=False)


async def forgive_topics(
    connection: AsyncConnection, customer_id: str, proof: Proof, only: Collection[str] | None = None
) -> None:
    """The customer agrees to marketing again: what they refused of it by topic is refused no more.

    ``only`` names the topics that they want again; None: all.
    """
    own = select(_IDENTITIES.c.id).where(_IDENTITIES.c.customer_id == customer_id)
    refused = select(_CONSENTS.c.identity_id, _CONSENTS.c.purpose).where(
        _CONSENTS.c.identity_id.in_(own), _CONSENTS.c.purpose.startswith(TOPIC), _CONSENTS.c.granted.is_(False)
    )
    for row in (await connection.execute(refused)).all():
        if only is not None and row.purpose.removeprefix(TOPIC) not in only:
            continue
        await _write(connection, customer_id, [row.identity_id], proof, purpose=row.purpose, granted=True)


async def has_withdrawn(connection: AsyncConnection, customer_id: str, purpose: Purpose = Purpose.MARKETING) -> bool:
    """Whether the customer refused ``purpose`` and agrees to it on no channel."""
    rows = await _consent_rows(connection, customer_id, purpose)
    return any(row.granted is False for row in rows) and not any(row.granted for row in rows)


async def suppress(connection: AsyncConnection, key: str, purpose: str, reason: str, at: datetime) -> None:
    """Never write to that address for ``purpose`` (``*``: any) again; the first reason stays."""
    await insert_missing(connection, _SUPPRESSIONS, [{"key": key, "purpose": purpose, "reason": reason, "at": at}])


async def _consent_rows(connection: AsyncConnection, customer_id: str, purpose: str) -> Sequence[Row[Any, Any, Any]]:
    """(id, granted or None, at) of each of the customer's addresses."""
    statement = (
        select(_IDENTITIES.c.id, _CONSENTS.c.granted, _CONSENTS.c.at)
        .outerjoin(_CONSENTS, and_(_CONSENTS.c.identity_id == _IDENTITIES.c.id, _CONSENTS.c.purpose == str(purpose)))
        .where(_IDENTITIES.c.customer_id == customer_id)
        .order_by(_IDENTITIES.c.id)
    )
    return (await connection.execute(statement)).all()


async def _write(
    connection: AsyncConnection,
    customer_id: str,
    identity_ids: list[str],
    proof: Proof,
    *,
    purpose: str,
    granted: bool,
) -> None:
    if not identity_ids:
        return
    said = {
        "purpose": str(purpose), "granted": granted, "at": proof.at, "source": proof.source,
        "document": proof.document,
    }  # fmt: skip
    statement = insert_into(connection, _CONSENTS)
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=[_CONSENTS.c.identity_id, _CONSENTS.c.purpose],
            set_={name: statement.excluded[name] for name in ("granted", "at", "source", "wording", "document")},
        ),
        [{"identity_id": id_, "wording": proof.wording, **said} for id_ in identity_ids],
    )
    await connection.execute(
        _RECORDS.insert(),
        [
            {
                "id": new_id(),
                "identity_id": id_,
                "customer_id": customer_id,
                "wording": proof.wording,
                "actor": str(proof.actor),
                **said,
            }
            for id_ in identity_ids
        ],
    )


async def lift_opt_out_block(connection: AsyncConnection, identity_id: str) -> None:
    """An opt-in on a channel ends the provider's own opt-out there."""
    await connection.execute(
        update(_IDENTITIES)
        .where(_IDENTITIES.c.id == identity_id, _IDENTITIES.c.unreachable_reason == OPTED_OUT)
        .values(reachable=True, unreachable_reason="", unreachable_at=None)
    )
