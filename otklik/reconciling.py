"""Reconciling: asking the provider what became of an unknown send, where a channel's ``on_unknown`` says so.

Only a single, unmistakable match settles a message; everything else stays held for a person.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Protocol, runtime_checkable

import structlog
from sqlalchemy import select

from campaigns.live import workspace_config
from channels.twilio.reconciling import MessageFacts
from core.clock import machine_now
from core.dispatching import Ended
from core.errors import ChannelFault, SendFailure
from core.machines.message import MessageState
from core.messages import WHATSAPP, Address, OutboundMessage, ProviderTemplate
from core.outcomes import Outcome, OutcomeKind
from core.purposes import Purpose
from otklik.accounts import Account
from storage.outbox.columns import table
from storage.outbox.outbox import Outbox
from storage.store import Store
from storage.tables import Attempt, Identity, Message

log = structlog.get_logger(__name__)

PATIENCE = timedelta(seconds=30)
"""An answer may still be on its way for so long after the attempt began."""
CLOCK_SKEW = timedelta(minutes=2)
BATCH = 50
_MESSAGES, _ATTEMPTS, _IDENTITIES = table(Message), table(Attempt), table(Identity)


@runtime_checkable
class Reconciles(Protocol):
    """An adapter that can look a lost message up; None where none or several fit."""

    async def find(self, facts: MessageFacts) -> str | None: ...


async def reconcile(store: Store, accounts: Sequence[Account], outbox: Outbox) -> int:
    """Settle what the providers can tell; gives how many."""
    async with store.read() as connection:
        config = await workspace_config(connection)
    settled = 0
    for account in accounts:
        if isinstance(account.adapter, Reconciles) and config.policy(account.channel).on_unknown == "reconcile":
            settled += await _reconcile_account(store, account.adapter, account, outbox)
    return settled


async def _reconcile_account(store: Store, adapter: Reconciles, account: Account, outbox: Outbox) -> int:
    settled = 0
    for row in await _unknown(store, account):
        began = row.started_at
        facts = MessageFacts(
            message=OutboundMessage(
                id=row.id,
                to=Address(row.channel, row.address, row.scope),
                purpose=Purpose(row.purpose),
                text=row.body,
                # what a template became is known only to the provider: there, time and recipient must do
                template=ProviderTemplate("") if row.channel == WHATSAPP else None,
            ),
            not_before=began - CLOCK_SKEW,
            not_after=(row.ended_at or began) + CLOCK_SKEW,
            taken=await _taken(store, account, row.identity_id),
        )
        try:
            provider_id = await adapter.find(facts)
        except (SendFailure, ChannelFault) as error:
            log.warning("cannot reconcile", account=account.name, error=str(error))
            return settled
        if provider_id is not None:
            found = Outcome(OutcomeKind.ACCEPTED, provider_id=provider_id, detail="found in the provider's list")
            await outbox.record([Ended(row.attempt_id, row.id, found)])
            settled += 1
    return settled


async def _unknown(store: Store, account: Account) -> Sequence[Any]:
    latest = (
        select(_ATTEMPTS.c.id)
        .where(_ATTEMPTS.c.message_id == _MESSAGES.c.id)
        .order_by(_ATTEMPTS.c.fence.desc())
        .limit(1)
        .correlate(_MESSAGES)
        .scalar_subquery()
    )
    wanted = (
        select(
            _MESSAGES.c.id,
            _MESSAGES.c.channel,
            _MESSAGES.c.purpose,
            _MESSAGES.c.body,
            _MESSAGES.c.identity_id,
            _IDENTITIES.c.address,
            _IDENTITIES.c.scope,
            _ATTEMPTS.c.id.label("attempt_id"),
            _ATTEMPTS.c.started_at,
            _ATTEMPTS.c.ended_at,
        )
        .join(_ATTEMPTS, _ATTEMPTS.c.id == latest)
        .join(_IDENTITIES, _IDENTITIES.c.id == _MESSAGES.c.identity_id)
        .where(
            _MESSAGES.c.state == MessageState.UNKNOWN,
            _MESSAGES.c.direction == "out",
            _MESSAGES.c.account == account.name,
            _ATTEMPTS.c.started_at < machine_now() - PATIENCE,
        )
        .order_by(_MESSAGES.c.id)
        .limit(BATCH)
    )
    async with store.read() as connection:
        return (await connection.execute(wanted)).all()


async def _taken(store: Store, account: Account, identity_id: str) -> frozenset[str]:
    """Provider ids that are other messages' of ours to that address."""
    async with store.read() as connection:
        ids = await connection.scalars(
            select(_MESSAGES.c.provider_id).where(
                _MESSAGES.c.identity_id == identity_id,
                _MESSAGES.c.account == account.name,
                _MESSAGES.c.provider_id.is_not(None),
            )
        )
        return frozenset(id_ for id_ in ids if id_ is not None)
