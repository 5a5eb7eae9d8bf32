"""SMS a second through the whole service, beside Twilio's own async client that sends the very same ones.

    python benchmarks/twilio_sending.py --messages 4000 --rounds 5

*Ours* is the whole service on uvloop, as ``otklik run`` runs it, with the account's rate off. The clock starts with
customers who are enrolled and due, and stops when every outcome is committed; their journeys then wait, as after any
message but the last. With ``--planned`` also a side whose messages stand planned already. *Bare* gets finished
parameters in memory and calls ``messages.create_async`` of the SDK from as many tasks, once on asyncio's loop and
once on uvloop. Rounds alternate, each side in a process of its own, against the same fake server in one of its own;
medians and ratios are printed.
"""

import argparse
import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from providers import running_api
from sending import Channel, main
from sides import Taken, parser

if TYPE_CHECKING:
    from core.messages import OutboundMessage
    from otklik.settings import Configuration

SESSIONS = 8
SID, TOKEN, SENDER = "AC" + "0" * 32, "a-benchmark", "+12025550100"
LETTER = (
    "{{ customer.first_name | default('Reader', true) }}, two hundred new books since your last parcel. Shall Vera "
    "write to you? Answer YES, or STOP to end. {{ brand.name }}\n"
)


def people(number: int) -> Iterator[str]:
    """So many customers with a phone: America has many zones, so these stay in the workspace's."""
    yield "id,first name,phone,city"
    for n in range(number):
        yield f"{n},Reader{n},+1202555{n:04d},Riga"


def settings(_: argparse.Namespace, port: int) -> Mapping[str, str]:
    """Ours, for the fake Messages API at ``port``, without the account's rate."""
    return {
        "OTKLIK_TWILIO_ACCOUNT_SID": SID, "OTKLIK_TWILIO_AUTH_TOKEN": TOKEN,
        "OTKLIK_TWILIO_BASE_URL": f"http://127.0.0.1:{port}", "OTKLIK_TWILIO_SESSIONS": str(SESSIONS),
        "OTKLIK_TWILIO_RATE": "0", "OTKLIK_SMS_SENDER": SENDER,
    }  # fmt: skip


def finished(message: "OutboundMessage", configuration: "Configuration") -> Iterable[dict[str, Any]]:
    """The parameters of its call."""
    from channels.twilio.rendering import render

    callback = f"{configuration.settings.public_url}/webhooks/sms"
    return [{**render(message, "sms"), "from_": SENDER, "status_callback": callback}]


async def bare(calls: Sequence[dict[str, Any]], port: int) -> Taken:
    """As many tasks as we have sessions, each sending its next message as soon as the last is taken."""
    from twilio.http.async_http_client import AsyncTwilioHttpClient
    from twilio.rest import Client

    class Redirected(AsyncTwilioHttpClient):  # type: ignore[misc] # the SDK is untyped here
        """The SDK's own client, led to the fake server."""

        async def request(self, method: str, url: str, *more: Any, **options: Any) -> Any:
            return await super().request(method, f"http://127.0.0.1:{port}{urlsplit(url).path}", *more, **options)

    left = iter(calls)
    client = Client(SID, TOKEN, http_client=Redirected())

    async def session() -> None:
        for call in left:
            await client.messages.create_async(**call)

    begun = Taken.now()
    await asyncio.gather(*(session() for _ in range(SESSIONS)))
    taken = begun.since()
    await client.http_client.close()
    return taken


SMS = Channel(
    name="sms", rival="Twilio's client", sessions=SESSIONS, template=("sms.txt", LETTER), people=people,
    settings=settings, finished=finished, bare=bare, server=lambda _, port: running_api("twilio", port),
)  # fmt: skip


if __name__ == "__main__":
    main(__file__, SMS, parser(__doc__, 4000).parse_args())
