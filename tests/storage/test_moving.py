"""A recipient whose provider says where they are reached from now on."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.addresses import identity_key
from core.dispatching import Ended
from core.messages import Address
from core.outcomes import Outcome, OutcomeKind
from storage.outbox.columns import table
from storage.outbox.moving import follow
from storage.store import Store
from storage.tables import Customer, Identity, Message
from tests.conftest import NOW

OLD, NEW = Address("telegram", "-4501", "100001"), Address("telegram", "-1001234567890", "100001")
_IDENTITIES = table(Identity)


async def known(store: Store, *addresses: Address) -> tuple[list[str], str]:
    """Identities with ``addresses``, each somebody else's, and a message to the first."""
    customers = [Customer(created_at=NOW, updated_at=NOW) for _ in addresses]
    identities = [
        Identity(
            customer_id=customer.id, channel=address.channel, scope=address.scope, address=address.value,
            key=identity_key(address), created_at=NOW,
        )
        for customer, address in zip(customers, addresses, strict=True)
    ]  # fmt: skip
    message = Message(
        customer_id=customers[0].id, identity_id=identities[0].id, channel="telegram", direction="out",
        purpose="conversation", state="dispatching", client_token="a", created_at=NOW,
    )  # fmt: skip
    for rows in (customers, identities, [message]):
        async with store.session() as session:
            session.add_all(rows)
    return [identity.id for identity in identities], message.id


async def one(connection: AsyncConnection, identity: str) -> Any:
    return (await connection.execute(select(_IDENTITIES).where(_IDENTITIES.c.id == identity))).one()


def moved(message: str) -> Ended:
    return Ended("a" * 26, message, Outcome(OutcomeKind.NOT_SENT, retry_after=0.0, moved_to=NEW.value))


async def test_the_next_try_goes_to_the_new_address(store: Store) -> None:
    (identity,), message = await known(store, OLD)
    async with store.write() as connection:
        for _ in range(2):  # an outcome may be recorded again
            await follow(connection, [moved(message)], NOW)
        row = await one(connection, identity)
    assert (row.address, row.key, row.reachable) == (NEW.value, identity_key(NEW), True)


async def test_an_address_that_somebody_has_is_not_taken_from_them(store: Store) -> None:
    (identity, other), message = await known(store, OLD, NEW)
    async with store.write() as connection:
        await follow(connection, [moved(message)], NOW)
        row, theirs = await one(connection, identity), await one(connection, other)
    assert (row.address, row.reachable, row.unreachable_reason) == (OLD.value, False, "bad_address")
    assert (theirs.address, theirs.reachable) == (NEW.value, True)


async def test_other_outcomes_change_no_address(store: Store) -> None:
    (identity,), message = await known(store, OLD)
    async with store.write() as connection:
        await follow(connection, [Ended("a" * 26, message, Outcome(OutcomeKind.NOT_SENT))], NOW)
        assert (await one(connection, identity)).address == OLD.value
