"""Handoffs that a campaign asks for: the customer's conversation is queued for the desk."""

from sqlalchemy import select

from campaigns.running.commands import Finish, OpenCommand
from campaigns.running.handing_over import queue_conversation
from core.clock import Clock
from core.ids import new_id
from storage.outbox.columns import table
from storage.statements import lock_customers
from storage.store import Store
from storage.tables import Audit, Customer

_CUSTOMERS, _AUDIT = table(Customer), table(Audit)


class Handoffs:
    """Carries out ``handoff`` commands: from then on campaigns hold until the desk has resolved the conversation."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def __call__(self, command: OpenCommand, finish: Finish) -> None:
        customer_id, now = str(command.payload["customer_id"]), self._clock.now()
        async with self._store.write() as connection:
            await lock_customers(connection, [customer_id], shared=False)
            known = await connection.scalar(select(_CUSTOMERS.c.id).where(_CUSTOMERS.c.id == customer_id))
            if known is not None:
                note = str(command.payload.get("note", ""))
                conversation_id = await queue_conversation(connection, customer_id, note, now)
                detail = {name: command.payload.get(name, "") for name in ("campaign_id", "step", "queue", "note")}
                await connection.execute(
                    _AUDIT.insert().values(
                        id=new_id(), at=now, actor=f"campaign:{command.payload['campaign_id']}", action="handoff",
                        subject="conversation", subject_id=conversation_id, detail=detail,
                    )
                )  # fmt: skip
            await finish(connection)
