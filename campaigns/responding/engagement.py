"""What recipients do with links and pictures. Satisfies ``channels.tracking.Engagement``."""

from dataclasses import dataclass

from sqlalchemy import select

from campaigns.customers.resting import rest
from campaigns.live import workspace_config
from campaigns.responding.answers import link_target, record_click, record_open, record_unsubscribe
from campaigns.responding.attribution import attribute_link
from core.clock import Clock
from core.messages import EMAIL
from core.wakeup import JOURNEYS, Wakeup
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Customer, Message

_MESSAGES = table(Message)
_CUSTOMERS = table(Customer)


@dataclass(frozen=True, slots=True)
class Reader:
    """Whom a page speaks to, and in whose name."""

    locale: str = ""
    brand: str = ""


class Engagement:
    """Records clicks, opens and unsubscribes, each in a transaction of its own."""

    def __init__(self, store: Store, clock: Clock, wakeup: Wakeup) -> None:
        self._store = store
        self._clock = clock
        self._wakeup = wakeup

    async def clicked(self, message_id: str, link_id: str) -> str | None:
        """Record the click; the link's stored target, None where there is none."""
        now = self._clock.now()
        async with self._store.write() as connection:
            target = await link_target(connection, link_id)
            if target is not None:
                await record_click(connection, message_id, link_id, at=now, now=now)
        self._wakeup.notify(JOURNEYS)
        return target

    async def opened(self, message_id: str) -> None:
        now = self._clock.now()
        async with self._store.write() as connection:
            await record_open(connection, message_id, at=now, now=now)

    async def recipient(self, message_id: str) -> Reader | None:
        """Whom the message went to; None where there is no such message."""
        async with self._store.read() as connection:
            config = await workspace_config(connection)
            locale = await connection.scalar(
                select(_CUSTOMERS.c.locale)
                .join(_MESSAGES, _MESSAGES.c.customer_id == _CUSTOMERS.c.id)
                .where(_MESSAGES.c.id == message_id, _MESSAGES.c.direction == "out")
            )
        return None if locale is None else Reader(locale or config.locale, config.brand.name)

    async def rested(self, message_id: str) -> None:
        now = self._clock.now()
        async with self._store.write() as connection:
            credited = await attribute_link(connection, message_id)
            if credited.customer_id is not None:
                await rest(
                    connection,
                    credited.customer_id,
                    key=f"link:{message_id}",
                    at=now,
                    now=now,
                    source="not-now page",
                    channel=EMAIL,
                    attribution=credited,
                )
        self._wakeup.notify(JOURNEYS)

    async def unsubscribed(self, message_id: str, *, one_click: bool) -> None:
        now = self._clock.now()
        async with self._store.write() as connection:
            await record_unsubscribe(connection, message_id, one_click=one_click, at=now, now=now)
        self._wakeup.notify(JOURNEYS)
