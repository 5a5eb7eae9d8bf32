"""A town of customers who are the same in every run, with ids, addresses, consent and orders by their number."""

from datetime import timedelta

from core.messages import EMAIL, SMS, TELEGRAM, WHATSAPP
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Consent, Customer, Event, Identity
from tests.conftest import NOW

LONG_AGO = NOW - timedelta(days=900)
ZONES = ("", "Europe/Berlin", "Asia/Tehran")


def resident(number: int) -> str:
    """The id of the customer of that number."""
    return f"{number:026d}"


async def settle(store: Store, size: int = 120) -> None:
    """Write the town: three in four have a mail address, half a phone for SMS, fewer WhatsApp or Telegram."""
    customers, identities, consents, events = [], [], [], []
    for number in range(size):
        customers.append(
            Customer(
                id=resident(number), external_id=str(number), zone=ZONES[number % 3], created_at=LONG_AGO,
                updated_at=LONG_AGO, birthday=f"1980-{number % 12 + 1:02d}-{number % 28 + 1:02d}",
            )
        )  # fmt: skip
        for channel, has in (
            (EMAIL, number % 4),
            (SMS, number % 2),
            (WHATSAPP, not number % 3),
            (TELEGRAM, not number % 5),
        ):
            if not has:
                continue
            address = {EMAIL: f"r{number}@example.org", TELEGRAM: str(number)}.get(channel, f"+1202555{number:04d}")
            identity = Identity(
                id=f"{channel[0]}{number:025d}", customer_id=resident(number), channel=channel, address=address,
                key=f"{channel}:{number}", created_at=LONG_AGO, reachable=number % 17 != 0,
            )  # fmt: skip
            identities.append(identity)
            if number % 7:
                consents.append(
                    Consent(
                        identity_id=identity.id, purpose="marketing", granted=True, at=LONG_AGO, source="checkout",
                        updated_at=LONG_AGO,
                    )
                )  # fmt: skip
        for order in range(number % 3 + 1):
            at = NOW - timedelta(days=(number * 37 + order * 200) % 900, hours=number % 24)
            events.append(
                Event(
                    id=f"e{number:020d}{order:05d}", customer_id=resident(number), name="order", at=at,
                    amount_micros=50_000_000, currency="GBP", source="till", external_id=f"{number}-{order}",
                    recorded_at=at,
                )
            )  # fmt: skip
    async with store.write() as connection:
        for kind, rows in ((Customer, customers), (Identity, identities), (Consent, consents), (Event, events)):
            await connection.execute(table(kind).insert(), [row.model_dump() for row in rows])
