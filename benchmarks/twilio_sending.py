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
import json
import os
import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from emails import Stores, ours, plan, sides_of, tell_sides
from sides import Taken, begin, free_port, in_process, listening, parser

SESSIONS = 8
SID, TOKEN, SENDER = "AC" + "0" * 32, "a-benchmark", "+12025550100"
CLAIM = 500
FILES = {
    "segments.yaml": "everyone:\n  where: {field: city, in: [Riga]}\n",
    "campaigns/letters.yaml": (
        "campaign: letters\naudience: everyone\nstart: now\nsteps:\n  - {send: sms, template: letter, wait: 30d}\n"
    ),
    "templates/letter/sms.txt": (
        "{{ customer.first_name | default('Reader', true) }}, two hundred new books since your last parcel. Shall Vera "
        "write to you? Answer YES, or STOP to end. {{ brand.name }}\n"
    ),
}
_HEAD = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_ANSWER = b'{"sid":"SM%032x","status":"queued","to":"","body":"","direction":"outbound-api","num_segments":"1"}'
_numbers = count(1)


class MessagesApi(asyncio.Protocol):
    """Takes every message and keeps nothing; answers each request whole, with a stated length."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._out: Any = transport
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while (end := self._rest.find(b"\r\n\r\n")) >= 0:
            stated = self._rest[:end].lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            whole = end + 4 + int(stated or 0)
            if len(self._rest) < whole:
                return
            self._rest = self._rest[whole:]
            answer = _ANSWER % next(_numbers)
            self._out.write(_HEAD % len(answer) + answer)


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(MessagesApi, "127.0.0.1", port)
    await server.serve_forever()


def write_workspace(folder: Path) -> Path:
    """One campaign of one SMS, in a zone where it is about noon, so that no run meets the end of sending hours."""
    offset = 12 - datetime.now(UTC).hour
    zone = f"Etc/GMT{-offset:+d}" if offset else "Etc/GMT"
    brand = "brand: {name: Lantern Books, postal_address: 14 Harbour Lane, url: https://lantern.example.com}\n"
    files = {**FILES, "otklik.yaml": f"{brand}zone: {zone}\nlocale: en\ncurrency: USD\n"}
    for name, text in files.items():
        path = folder / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "shop"


async def prepare(folder: Path, url: str, messages: int) -> None:
    """A store with ``messages`` enrolled customers who are due now."""
    from campaigns.applying import apply
    from campaigns.starting.scheduler import Scheduler
    from campaigns.workspace.loader import load_workspace
    from core.actors import Actor
    from core.clock import SystemClock, machine_now
    from storage.imports import ConsentGrant, CustomerOptions, import_customers
    from storage.migrate import upgrade
    from storage.store import Store

    people = folder / "people.csv"
    # America has many zones, so these stay in the workspace's
    lines = (f"{n},Reader{n},+1202555{n:04d},Riga\n" for n in range(messages))
    people.write_text("id,first name,phone,city\n" + "".join(lines))
    async with await Store.open(url) as store:
        await upgrade(store)
        grant = ConsentGrant("marketing", "a benchmark", "yes, write to me")
        await import_customers(store, people, CustomerOptions(consent=grant))
        now = machine_now() - timedelta(seconds=1)
        await apply(store, load_workspace(write_workspace(folder)), Actor("operator", "benchmark"), now)
        entered = await Scheduler(store, SystemClock()).tick()
        assert entered == messages, f"{entered} entered"


async def dump(path: Path, messages: int) -> None:
    """The parameters that the planned store would send, for the bare side."""
    from campaigns.composing.composer import Composer
    from campaigns.composing.links import MessageLinks
    from campaigns.gates import DISPATCH_GATES
    from channels.twilio.rendering import render
    from core.clock import SystemClock
    from core.messages import OutboundMessage
    from otklik.settings import load_settings
    from otklik.wiring import addresses
    from storage.outbox.outbox import Outbox
    from storage.store import Store

    configuration, clock = load_settings(None), SystemClock()
    calls: list[dict[str, Any]] = []
    async with await Store.open(configuration.settings.database_url) as store:
        outbox = Outbox(store, clock, DISPATCH_GATES, worker="dump")
        composer = Composer(store, clock, MessageLinks(addresses(configuration)))
        while claims := await outbox.claim("sms", CLAIM):
            for message in (await composer.compose(claims)).values():
                assert isinstance(message, OutboundMessage), message
                callback = f"{configuration.settings.public_url}/webhooks/sms"
                calls.append({**render(message, "sms"), "from_": SENDER, "status_callback": callback})
    assert len(calls) == messages, f"{len(calls)} calls"
    path.write_bytes(pickle.dumps(calls))  # noqa: ASYNC240  nothing else runs here


async def bare(path: Path, port: int) -> Taken:
    """As many tasks as we have sessions, each sending its next message as soon as the last is taken."""
    from twilio.http.async_http_client import AsyncTwilioHttpClient
    from twilio.rest import Client

    class Redirected(AsyncTwilioHttpClient):  # type: ignore[misc] # the SDK is untyped here
        """The SDK's own client, led to the fake server."""

        async def request(self, method: str, url: str, *more: Any, **options: Any) -> Any:
            return await super().request(method, f"http://127.0.0.1:{port}{urlsplit(url).path}", *more, **options)

    left = iter(pickle.loads(path.read_bytes()))  # noqa: ASYNC240, S301  written by this very benchmark
    client = Client(SID, TOKEN, http_client=Redirected())

    async def session() -> None:
        for call in left:
            await client.messages.create_async(**call)

    begun = Taken.now()
    await asyncio.gather(*(session() for _ in range(SESSIONS)))
    taken = begun.since()
    await client.http_client.close()
    return taken


@contextmanager
def running_server(port: int) -> Iterator[None]:
    """The fake Messages API in a process of its own."""
    command = [sys.executable, __file__, "--part", "server", "--port", str(port)]
    with listening(command, port):
        yield


def compare(folder: Path, told: argparse.Namespace) -> None:
    """Prepare, run the rounds, print the medians."""
    stores, port = Stores(folder, told.database), free_port()

    def run(part: str, url: str) -> Taken:
        settings = {
            "OTKLIK_DATABASE_URL": url, "OTKLIK_TWILIO_ACCOUNT_SID": SID, "OTKLIK_TWILIO_AUTH_TOKEN": TOKEN,
            "OTKLIK_TWILIO_BASE_URL": f"http://127.0.0.1:{port}", "OTKLIK_TWILIO_SESSIONS": str(SESSIONS),
            "OTKLIK_TWILIO_RATE": "0", "OTKLIK_SMS_SENDER": SENDER,
        }  # fmt: skip
        return in_process(__file__, part, folder, told, port, settings)

    try:
        with running_server(port):
            stores.make()
            run("prepare", stores.prepared)
            run("plan", stores.fresh(name="planned"))
            run("dump", stores.fresh("planned"))
            print(f"{told.messages:,} SMS, {SESSIONS} sessions, {stores.kind}", flush=True)
            taken = sides_of(told, stores, run)
    finally:
        stores.drop()
    tell_sides(taken, told, "Twilio's client")


def run_part(told: argparse.Namespace) -> None:
    """What a process of its own does; its seconds go to standard output."""
    from otklik.running import configure_logs, run_async

    configure_logs("warning")
    calls = told.folder / "calls"
    match told.part:
        case "server":
            with suppress(asyncio.CancelledError):
                run_async(serve(told.port))
        case "prepare":
            asyncio.run(prepare(told.folder, os.environ["OTKLIK_DATABASE_URL"], told.messages))
        case "dump":
            asyncio.run(dump(calls, told.messages))
        case "plan":
            asyncio.run(plan())
        case "ours" | "planned":
            print(json.dumps(run_async(ours(told.messages))))
        case "bare":
            print(json.dumps(asyncio.run(bare(calls, told.port))))
        case "bare-uvloop":
            print(json.dumps(run_async(bare(calls, told.port))))


def main() -> None:
    taking = parser(__doc__, 4000)
    begin(taking.parse_args(), run_part, compare)


if __name__ == "__main__":
    main()
