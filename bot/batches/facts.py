"""Facts: what deciding a batch needs to know, loaded for all of its messages in a few queries.

The customers are locked as soon as they are known, in id order; what is loaded after that stands until the end.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.batches.sorting import Plain, Sorted
from bot.choices import Choice, has_token, may_choose, token_names
from bot.conversations import THREAD, provider_key
from campaigns.responding.sends import Sends, load_sends
from core.errors import TransactionLost
from core.machines.conversation import ConversationState
from core.messages import Address
from storage.outbox.columns import table
from storage.statements import chunks, lock_customers
from storage.tables import Conversation, Customer, Identity, Message, MessageChoice

_CHOICES, _CONVERSATIONS, _CUSTOMERS = table(MessageChoice), table(Conversation), table(Customer)
_IDENTITIES, _MESSAGES = table(Identity), table(Message)
_Row = Row[*tuple[object, ...]]
_KNOWN = select(
    _IDENTITIES.c.id,
    _IDENTITIES.c.customer_id,
    _IDENTITIES.c.address,
    _IDENTITIES.c.verified,
    _IDENTITIES.c.reachable,
    _IDENTITIES.c.unreachable_reason,
    _IDENTITIES.c.window_from,
    _CUSTOMERS.c.locale,
).join(_CUSTOMERS, _CUSTOMERS.c.id == _IDENTITIES.c.customer_id)
_THREADS = select(*THREAD)
_OPTIONS = select(_CHOICES.c.message_id, _CHOICES.c.number, _CHOICES.c.label, _CHOICES.c.value)


@dataclass(slots=True)
class Facts:
    """What is known of a batch.

    ``elsewhere`` are customers and addresses that a delivery which is no plain message concerns. ``threads`` are the
    customers' conversations that a message of theirs goes to. ``redeemed`` are the choices that tokens name, with the
    customer whose they are; ``options`` those of the messages that were sent.
    """

    identities: dict[Address, _Row] = field(default_factory=dict)
    elsewhere: set[str | Address] = field(default_factory=set)
    logged: set[tuple[str, str]] = field(default_factory=set)
    threads: dict[str, _Row] = field(default_factory=dict)
    sends: Sends = field(default_factory=Sends)
    redeemed: dict[tuple[str, int], tuple[str, Choice]] = field(default_factory=dict)
    options: dict[str, list[Choice]] = field(default_factory=dict)


async def load_facts(connection: AsyncConnection, batch: Sorted) -> Facts:
    """The facts of a batch, its known customers locked.

    Raises:
        TransactionLost: an address went to another customer while this waited for the lock.
    """
    plain = batch.plain
    senders = {one.inbound.sender for one in plain}
    facts = Facts(identities=await _identities(connection, senders | batch.addresses))
    customers = sorted({row.customer_id for address, row in facts.identities.items() if address in senders})
    await lock_customers(connection, customers, shared=False)
    if connection.dialect.name == "postgresql":
        before = _owners(facts.identities)
        facts.identities = await _identities(connection, senders | batch.addresses)
        if _owners(facts.identities) != before:
            raise TransactionLost("an address went to another customer meanwhile")
    facts.elsewhere = {*batch.addresses, *await _concerned(connection, batch, facts)}
    facts.logged = await _logged(connection, plain)
    facts.threads = await _threads(connection, customers)
    quotes = {(one.inbound.account, one.inbound.in_reply_to) for one in plain if one.inbound.in_reply_to}
    facts.sends = await load_sends(connection, customers, quotes, min(one.since for one in plain))
    await _load_choices(connection, plain, facts)
    return facts


async def _identities(connection: AsyncConnection, addresses: Iterable[Address]) -> dict[Address, _Row]:
    by_scope: dict[tuple[str, str], list[str]] = defaultdict(list)
    for address in addresses:
        by_scope[address.channel, address.scope].append(address.value)
    found: dict[Address, _Row] = {}
    for (channel, scope), values in by_scope.items():
        for part in chunks(values):
            wanted = _KNOWN.where(
                _IDENTITIES.c.channel == channel, _IDENTITIES.c.scope == scope, _IDENTITIES.c.address.in_(part)
            )
            found |= {Address(channel, row.address, scope): row for row in await connection.execute(wanted)}
    return found


def _owners(identities: dict[Address, _Row]) -> dict[Address, object]:
    return {address: row.customer_id for address, row in identities.items()}


async def _concerned(connection: AsyncConnection, batch: Sorted, facts: Facts) -> set[str]:
    """The customers that deliveries which are no plain messages are about."""
    customers = {facts.identities[address].customer_id for address in batch.addresses if address in facts.identities}
    if batch.message_ids:
        owners = select(_MESSAGES.c.customer_id).where(_MESSAGES.c.id.in_(sorted(batch.message_ids)))
        customers.update(await connection.scalars(owners))
    return customers


async def _logged(connection: AsyncConnection, plain: Sequence[Plain]) -> set[tuple[str, str]]:
    """Those messages that stand in a conversation already, by account and key."""
    by_account: dict[str, list[str]] = defaultdict(list)
    for one in plain:
        by_account[one.inbound.account].append(provider_key(one.inbound))
    found: set[tuple[str, str]] = set()
    for account, keys in by_account.items():
        wanted = select(_MESSAGES.c.provider_id).where(
            _MESSAGES.c.account == account,
            _MESSAGES.c.provider_id.in_(keys),
            _MESSAGES.c.provider_id.is_not(None),  # SQLite asks a partial index only where its condition stands
        )
        found.update((account, key) for key in await connection.scalars(wanted))
    return found


async def _threads(connection: AsyncConnection, customers: Sequence[str]) -> dict[str, _Row]:
    """Each customer's unresolved conversation, else the last one."""
    threads: dict[str, _Row] = {}
    if customers:
        wanted = _THREADS.where(_CONVERSATIONS.c.customer_id.in_(customers), _CONVERSATIONS.c.verified.is_(True))
        for row in await connection.execute(wanted):
            best = threads.get(row.customer_id)
            if best is None or _rank(row) > _rank(best):
                threads[row.customer_id] = row
    return threads


def _rank(row: _Row) -> tuple[object, ...]:
    return (row.state is not ConversationState.RESOLVED, row.last_at, row.id)


async def _load_choices(connection: AsyncConnection, plain: Sequence[Plain], facts: Facts) -> None:
    named = {token_names(one.inbound.button, one.context) for one in plain if has_token(one.inbound)} - {None}
    message_ids = {name[0] for name in named if name is not None}
    if message_ids:
        owned = _OPTIONS.add_columns(_MESSAGES.c.customer_id).join(_MESSAGES, _MESSAGES.c.id == _CHOICES.c.message_id)
        for row in await connection.execute(owned.where(_CHOICES.c.message_id.in_(sorted(message_ids)))):
            facts.redeemed[row.message_id, row.number] = row.customer_id, Choice(*row[:4])
    if not any(may_choose(one.inbound) for one in plain if not has_token(one.inbound)):
        return
    sent = {row.id for rows in facts.sends.of.values() for row in rows} | {
        row.id for row in facts.sends.quoted.values()
    }
    for part in chunks(sorted(sent)):
        wanted = _OPTIONS.where(_CHOICES.c.message_id.in_(part)).order_by(_CHOICES.c.message_id, _CHOICES.c.number)
        for row in await connection.execute(wanted):
            facts.options.setdefault(row.message_id, []).append(Choice(*row))
