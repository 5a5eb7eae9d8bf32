"""Proof that an address is somebody's: six digits go there, and whoever reads them says them in the chat.

The address then is theirs, and if another customer was known by it, the two are one: they have proven to be both.
Asking tells nothing of whom an address belongs to. The store keeps a keyed hash of the code; its text leaves the outbox
with the proof's end (:func:`forget_codes`). All of it is bounded, by address and by customer.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Row, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.context import Context
from bot.senders import identity_of, insert_identity
from campaigns.customers.merging import merge_on
from core import catalogue
from core.actors import Actor
from core.addresses import identity_key, normalised
from core.ids import new_id
from core.messages import EMAIL, Address
from core.purposes import Purpose
from core.text import latin_digits
from core.tokens import Signer
from storage.outbox.columns import table
from storage.statements import lock_customers
from storage.tables import AddressProof, Audit, Customer, Identity, Message, Suppression

LIFE = timedelta(minutes=10)
_MINUTES = LIFE // timedelta(minutes=1)
TRIES = 5
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
AN_HOUR, A_DAY, BY_CUSTOMER = 3, 6, 5
"""Codes that one address is sent in an hour and in a day, and that one customer may ask for in an hour."""
_CODE = re.compile(r"(?<!\d)(\d{3})[ -]?(\d{3})(?!\d)")
_LONGEST = 60
"""Characters of an answer that may be a code: a longer one is about something else."""

_PROOFS, _MESSAGES, _AUDIT = table(AddressProof), table(Message), table(Audit)
_CUSTOMERS, _IDENTITIES, _SUPPRESSIONS = table(Customer), table(Identity), table(Suppression)


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking: ``sent`` means that a code is on its way, if anything can reach that address.

    ``said`` is what to tell the customer: a text of the catalogue (``proof.<outcome>``).
    """

    outcome: Literal["sent", "already", "bad_address", "too_many"]
    said: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What a code did. ``customer_id`` is who the customer is now: after a proof it may be another than asked.

    ``wrong`` may be tried again, ``spent`` not: a new code has to be asked for.
    """

    outcome: Literal["proven", "wrong", "spent"]
    customer_id: str
    said: str
    address: Address | None = None
    merged: bool = False


async def ask_for_proof(
    connection: AsyncConnection, customer_id: str, channel: str, raw: str, context: Context
) -> Asked:
    """Send a code to ``raw``, an address on ``channel`` (email or sms) that the customer says is theirs.

    The flow that asks goes on with whatever :func:`answer_proof` says of a later message.
    """
    customer = (
        await connection.execute(
            select(_CUSTOMERS.c.locale, _CUSTOMERS.c.country).where(_CUSTOMERS.c.id == customer_id)
        )
    ).one()
    locale = customer.locale or context.config.locale

    def asked(outcome: Literal["sent", "already", "bad_address", "too_many"]) -> Asked:
        return Asked(outcome, _say(context, locale, outcome))

    try:
        address = normalised(channel, raw, country=customer.country)
    except ValueError:
        return asked("bad_address")
    key = identity_key(address)
    known = await identity_of(connection, address)
    await lock_customers(connection, {customer_id, known.customer_id if known else customer_id}, shared=False)
    if known is not None and known.customer_id == customer_id and await _is_verified(connection, known.id):
        return asked("already")
    if await _too_many(connection, customer_id, key, context.now):
        return asked("too_many")
    if known is None:
        source = "given for a proof"
        await insert_identity(connection, customer_id, address, context, verified=False, source=source)
        known = await identity_of(connection, address)
    if known is None:
        raise LookupError("an identity is taken and yet not there")
    await _end(connection, customer_id, key, "replaced", context.now)
    code = f"{secrets.randbelow(1_000_000):06d}"
    proof_id = new_id()
    await connection.execute(
        _PROOFS.insert(),
        {"id": proof_id, "customer_id": customer_id, "identity_id": known.id, "key": key, "channel": channel,
         "code": _hashed(context.reply_tokens, proof_id, code), "tries": 0, "at": context.now,
         "expires_at": context.now + LIFE, "ended_at": None, "ended": ""},
    )  # fmt: skip
    if not await _never_written_to(connection, key):
        await connection.execute(_MESSAGES.insert(), _letter(proof_id, known, address, code, locale, context))
    return asked("sent")


def may_be_code(text: str) -> bool:
    """Whether ``text`` looks like a code that was asked for."""
    return len(text) <= _LONGEST and _CODE.search(latin_digits(text)) is not None


async def answer_proof(connection: AsyncConnection, customer_id: str, text: str, context: Context) -> Answered | None:
    """Take ``text`` as a code that was asked for; None where the customer waits for none, or it is no code.

    The caller has written the message into its conversation: a merge takes it along.
    """
    found = _CODE.search(latin_digits(text)) if len(text) <= _LONGEST else None
    if found is None:
        return None
    await lock_customers(connection, [customer_id], shared=False)
    open_proofs = (
        await connection.execute(
            select(_PROOFS)
            .where(
                _PROOFS.c.customer_id == customer_id,
                _PROOFS.c.ended_at.is_(None),
                _PROOFS.c.expires_at > context.now,
            )
            .order_by(_PROOFS.c.id.desc())
        )
    ).all()
    if not open_proofs:
        return None
    locale = await connection.scalar(select(_CUSTOMERS.c.locale).where(_CUSTOMERS.c.id == customer_id))
    locale = locale or context.config.locale
    code = found[1] + found[2]
    for proof in open_proofs:
        if hmac.compare_digest(proof.code, _hashed(context.reply_tokens, proof.id, code)):
            return await _prove(connection, proof, locale, context)
    spent = True
    for proof in open_proofs:
        tries = proof.tries + 1
        over = {"ended_at": context.now, "ended": "wrong"} if tries >= TRIES else {}
        await connection.execute(update(_PROOFS).where(_PROOFS.c.id == proof.id).values(tries=tries, **over))
        spent = spent and bool(over)
    outcome: Literal["spent", "wrong"] = "spent" if spent else "wrong"
    return Answered(outcome, customer_id, _say(context, locale, outcome))


async def _prove(connection: AsyncConnection, proof: Row[Any], locale: str, context: Context) -> Answered:
    """The address is theirs; whoever else was known by it is the same person."""
    await connection.execute(
        update(_PROOFS).where(_PROOFS.c.id == proof.id).values(ended_at=context.now, ended="proven")
    )
    identity = (await connection.execute(select(_IDENTITIES).where(_IDENTITIES.c.id == proof.identity_id))).one()
    await connection.execute(update(_IDENTITIES).where(_IDENTITIES.c.id == identity.id).values(verified=True))
    customer_id, merged = proof.customer_id, identity.customer_id != proof.customer_id
    actor, source = Actor("customer", proof.customer_id), f"code by {proof.channel}"
    await connection.execute(
        _AUDIT.insert(),
        {"id": new_id(), "at": context.now, "actor": str(actor), "action": "address proven", "subject": "identity",
         "subject_id": identity.id, "detail": {"source": source, "of": identity.customer_id}},
    )  # fmt: skip
    if merged:
        stays, goes = await _elder_first(connection, [proof.customer_id, identity.customer_id])
        await merge_on(connection, goes, stays, actor, context.now, source=source)
        customer_id = stays
    address = Address(identity.channel, identity.address, identity.scope)
    return Answered("proven", customer_id, _say(context, locale, "proven"), address, merged)


async def _elder_first(connection: AsyncConnection, ids: list[str]) -> list[str]:
    """Whom the shop knows by a number goes first, then whoever is known longer."""
    rows = await connection.execute(
        select(_CUSTOMERS.c.id, _CUSTOMERS.c.external_id, _CUSTOMERS.c.created_at).where(_CUSTOMERS.c.id.in_(ids))
    )
    return [row.id for row in sorted(rows, key=lambda row: (row.external_id is None, row.created_at, row.id))]


async def forget_codes(connection: AsyncConnection, now: datetime) -> int:
    """Take the codes of ended proofs out of what was sent; gives how many. For the periodic sweep."""
    over = select(_PROOFS.c.id).where(
        _PROOFS.c.code != "", or_(_PROOFS.c.ended_at.is_not(None), _PROOFS.c.expires_at <= now)
    )
    ids = list(await connection.scalars(over.limit(500)))
    if not ids:
        return 0
    await connection.execute(
        update(_MESSAGES).where(_MESSAGES.c.id.in_(ids)).values(body="", content={"text": "", "forgotten": True})
    )
    await connection.execute(update(_PROOFS).where(_PROOFS.c.id.in_(ids)).values(code=""))
    return len(ids)


async def _end(connection: AsyncConnection, customer_id: str, key: str, how: str, now: datetime) -> None:
    await connection.execute(
        update(_PROOFS)
        .where(_PROOFS.c.customer_id == customer_id, _PROOFS.c.key == key, _PROOFS.c.ended_at.is_(None))
        .values(ended_at=now, ended=how)
    )


async def _too_many(connection: AsyncConnection, customer_id: str, key: str, now: datetime) -> bool:
    bounds = (
        (_PROOFS.c.key == key, HOUR, AN_HOUR),
        (_PROOFS.c.key == key, DAY, A_DAY),
        (_PROOFS.c.customer_id == customer_id, HOUR, BY_CUSTOMER),
    )
    for whose, period, most in bounds:
        asked = await connection.scalar(select(func.count()).where(whose, _PROOFS.c.at > now - period))
        if (asked or 0) >= most:
            return True
    return False


async def _is_verified(connection: AsyncConnection, identity_id: str) -> bool:
    return bool(await connection.scalar(select(_IDENTITIES.c.verified).where(_IDENTITIES.c.id == identity_id)))


async def _never_written_to(connection: AsyncConnection, key: str) -> bool:
    """Whether the address is suppressed for everything, proofs included: the dispatch would stop it, and tell why."""
    everything = _SUPPRESSIONS.c.purpose.in_(["*", Purpose.SERVICE.value])
    return (
        await connection.scalar(select(_SUPPRESSIONS.c.key).where(_SUPPRESSIONS.c.key == key, everything)) is not None
    )


def _letter(
    proof_id: str, to: Row[Any, Any], address: Address, code: str, locale: str, context: Context
) -> dict[str, Any]:
    """The message with the code, under the proof's own id; it stands in nobody's conversation."""
    said = {"code": code, "brand": context.config.brand.name, "count": _MINUTES}
    content = {"text": catalogue.text(locale, "proof.text", **said)}
    if address.channel == EMAIL:
        content["subject"] = catalogue.text(locale, "proof.subject", brand=context.config.brand.name)
    return Message(
        id=proof_id, customer_id=to.customer_id, identity_id=to.id, channel=address.channel, purpose=Purpose.SERVICE,
        client_token=f"proof:{proof_id}", lane=0, send_at=context.now, not_before=context.now,
        not_after=context.now + LIFE, content=content, created_at=context.now,
    ).model_dump()  # fmt: skip


def _hashed(signer: Signer, proof_id: str, code: str) -> str:
    """Without the workspace's secret nobody can try the million codes against it."""
    return hashlib.sha256(signer.sign(f"{proof_id}:{code}").encode()).hexdigest()


def _say(context: Context, locale: str, outcome: str) -> str:
    return catalogue.text(locale, f"proof.{outcome}", brand=context.config.brand.name, count=_MINUTES)
