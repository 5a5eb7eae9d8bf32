"""The company's shop: orders that customers place go as events to the address that was set."""

from dataclasses import dataclass

import orjson

from sandbox.clock import BusinessClock, iso
from sandbox.outbound import Outbound
from sandbox.people import People, Person


@dataclass(slots=True)
class ShopSettings:
    """Where orders are told, and the bearer token that goes with them."""

    events_url: str | None = None
    token: str = ""


class Shop:
    """Places orders. The external id of a person's nth order is the same in every run."""

    def __init__(self, *, clock: BusinessClock, people: People, outbound: Outbound) -> None:
        self._clock = clock
        self._people = people
        self._outbound = outbound
        self.settings = ShopSettings()
        self.orders = 0
        self.failed = 0

    async def buy(self, person: Person, amount: str, currency: str) -> str:
        """Order for ``amount``; what the receiver of events answered."""
        person.bought += 1
        self.orders += 1
        self._people.changed(person)
        if self.settings.events_url is None:
            return "nobody is told of orders"
        event = {
            "source": "shop",
            "external_id": f"{person.key}-order-{person.bought}",
            "customer": person.key,
            "name": "order",
            "at": iso(self._clock.micros()),
            "amount": amount,
            "currency": currency,
        }
        headers = {"Authorization": f"Bearer {self.settings.token}", "Content-Type": "application/json"}
        answer = await self._outbound.request(
            "POST", self.settings.events_url, data=orjson.dumps(event), headers=headers
        )
        if not answer.ok:
            self.failed += 1
        return f"{answer.status or answer.error}"
