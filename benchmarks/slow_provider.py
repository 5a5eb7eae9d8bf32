"""Telegram messages a second while Twilio is unwell: slow, silent, or not there at all.

    python benchmarks/slow_provider.py --messages 4000 --rounds 5

The whole service on uvloop, as ``otklik run`` runs it, rates off. Messages of two campaigns are planned before the
clock starts: ``--messages`` for Telegram, whose fake server takes all at once, and a tenth as many SMS. It stops when
every Telegram outcome is committed. *alone* has no SMS account; in the others Twilio answers after 10 s, never answers,
or refuses every connection. Rounds alternate, each in a process of its own; medians and their ratios to *alone* are
printed: one channel's stall should leave the others 0.95.
"""

import argparse
import asyncio
import json
import os
import statistics
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from botapi import serve
from emails import Stores
from sides import Taken, begin, free_port, in_process, parser
from telegram_sending import LETTER, SESSIONS, TOKEN, running_server
from telegram_sending import write_workspace as write_letters
from twilio_sending import FILES, SENDER, SID
from twilio_sending import TOKEN as TWILIO_TOKEN

KINDS = ("alone", "slow", "silent", "refusing")
SLOW_SECONDS = 10.0
CAMPAIGN = (
    "campaign: {name}\naudience: {audience}\nstart: now\nsteps:\n  - {{send: {channel}, template: letter, wait: 30d}}\n"
)


def write_workspace(folder: Path) -> Path:
    """A letter by Telegram for those in Riga, one by SMS for those in Oslo."""
    shop = write_letters(folder)
    files = {
        "segments.yaml": "chats:\n  where: {field: city, in: [Riga]}\nphones:\n  where: {field: city, in: [Oslo]}\n",
        "campaigns/letters.yaml": CAMPAIGN.format(name="letters", audience="chats", channel="telegram"),
        "campaigns/texts.yaml": CAMPAIGN.format(name="texts", audience="phones", channel="sms"),
        "templates/letter/telegram.txt": LETTER,
        "templates/letter/sms.txt": FILES["templates/letter/sms.txt"],
    }
    for name, text in files.items():
        (shop / name).write_text(text)
    return shop


async def prepare(folder: Path, url: str, messages: int) -> None:
    """A store with everything planned and nothing sent."""
    from campaigns.applying import apply
    from campaigns.running.runner import Runner
    from campaigns.starting.scheduler import Scheduler
    from campaigns.workspace.loader import load_workspace
    from core.actors import Actor
    from core.clock import SystemClock, machine_now
    from core.wakeup import LocalWakeup
    from storage.imports import ConsentGrant, CustomerOptions, import_customers
    from storage.migrate import upgrade
    from storage.store import Store

    chats = [f"c{n},Reader{n},{1000 + n},,Riga" for n in range(messages)]
    phones = [f"p{n},Reader{n},,+1202555{n:04d},Oslo" for n in range(messages // 10)]
    people = folder / "people.csv"
    people.write_text("\n".join(["id,first name,telegram,phone,city", *chats, *phones]) + "\n")
    async with await Store.open(url) as store:
        await upgrade(store)
        grant = ConsentGrant("marketing", "a benchmark", "yes, write to me")
        scope = TOKEN.partition(":")[0]
        await import_customers(store, people, CustomerOptions(consent=grant, telegram_scope=scope))
        now = machine_now() - timedelta(seconds=1)
        await apply(store, load_workspace(write_workspace(folder)), Actor("operator", "benchmark"), now)
        entered = await Scheduler(store, SystemClock()).tick()
        assert entered == len(chats) + len(phones), f"{entered} entered"
        runner = Runner(store, SystemClock(), LocalWakeup())
        while await runner.run_once():
            pass


async def lane(messages: int) -> Taken:
    """From the service's start until the last Telegram outcome is committed."""
    from otklik.running import spare_collections
    from otklik.service import running_service
    from otklik.settings import load_settings
    from storage.store import Store

    configuration = load_settings(None)
    async with (
        await Store.open(configuration.settings.database_url) as store,
        running_service(configuration, store) as service,
    ):
        record, all_recorded, recorded = service.outbox.record, asyncio.Event(), 0

        async def counted(ended: Any) -> None:
            nonlocal recorded
            await record(ended)
            recorded += sum(end.outcome.kind == "accepted" and ":" in end.outcome.provider_id for end in ended)
            if recorded >= messages:
                all_recorded.set()

        service.outbox.record = counted  # type: ignore[method-assign]
        spare_collections()
        begun = Taken.now()
        running = asyncio.create_task(service.run())
        waiting = asyncio.create_task(all_recorded.wait())
        await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED, timeout=600)
        taken = begun.since()
        assert waiting.done(), f"{recorded} of {messages}"
        running.cancel()
        await asyncio.wait([running])
    return taken


async def slow(port: int, seconds: float | None) -> None:
    """A Messages API that takes everything after so many seconds, or never."""
    never = asyncio.Event()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]))
                await (never.wait() if seconds is None else asyncio.sleep(seconds))
                body = b'{"sid":"SM%032x","status":"queued"}' % id(writer)
                writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    await (await asyncio.start_server(meet, "127.0.0.1", port)).serve_forever()


def compare(folder: Path, told: argparse.Namespace) -> None:
    stores, port = Stores(folder, told.database), free_port()
    twilio = {"slow": free_port(), "silent": free_port(), "refusing": free_port()}

    def run(part: str, url: str) -> Taken:
        settings = {
            "OTKLIK_DATABASE_URL": url, "OTKLIK_TELEGRAM_TOKEN": TOKEN, "OTKLIK_TELEGRAM_MODE": "webhook",
            "OTKLIK_TELEGRAM_BASE_URL": f"http://127.0.0.1:{port}", "OTKLIK_TELEGRAM_WEBHOOK_SECRET": "benchmark",
            "OTKLIK_TELEGRAM_SESSIONS": str(SESSIONS), "OTKLIK_TELEGRAM_RATE": "0", "OTKLIK_TELEGRAM_CHAT_RATE": "0",
        }  # fmt: skip
        if part in twilio:
            settings |= {
                "OTKLIK_TWILIO_ACCOUNT_SID": SID, "OTKLIK_TWILIO_AUTH_TOKEN": TWILIO_TOKEN, "OTKLIK_TWILIO_RATE": "0",
                "OTKLIK_TWILIO_BASE_URL": f"http://127.0.0.1:{twilio[part]}", "OTKLIK_SMS_SENDER": SENDER,
                "OTKLIK_TWILIO_SESSIONS": str(SESSIONS),
            }  # fmt: skip
        return in_process(__file__, part, folder, told, port, settings)

    ports = [str(port), str(twilio["slow"]), str(twilio["silent"])]
    taken: dict[str, list[Taken]] = {kind: [] for kind in KINDS}
    try:
        with running_server(port, __file__, *ports):
            stores.make()
            run("prepare", stores.prepared)
            print(
                f"{told.messages:,} messages, {told.messages // 10:,} SMS, {SESSIONS} sessions, {stores.kind}",
                flush=True,
            )
            for number in range(1, told.rounds + 1):
                for kind, rounds in taken.items():
                    rounds.append(run(kind, stores.fresh()))
                rates = (f"{kind} {told.messages / rounds[-1].seconds:,.0f}/s" for kind, rounds in taken.items())
                print(f"round {number}: {'   '.join(rates)}", flush=True)
    finally:
        stores.drop()
    rate = {kind: told.messages / statistics.median(one.seconds for one in rounds) for kind, rounds in taken.items()}
    for kind, rounds in taken.items():
        cpu = 1000 * statistics.median(one.cpu for one in rounds) / told.messages
        print(f"{kind:<9} {rate[kind]:>8,.0f}/s   {cpu:.2f} ms of CPU each   ratio {rate[kind] / rate['alone']:.2f}")


async def servers(ports: list[int]) -> None:
    await asyncio.gather(serve(ports[0]), slow(ports[1], SLOW_SECONDS), slow(ports[2], None))


def run_part(told: argparse.Namespace) -> None:
    """What a process of its own does; its seconds go to standard output."""
    from otklik.running import configure_logs, run_async

    configure_logs("error")
    match told.part:
        case "server":
            with suppress(asyncio.CancelledError):
                run_async(servers(told.ports))
        case "prepare":
            asyncio.run(prepare(told.folder, os.environ["OTKLIK_DATABASE_URL"], told.messages))
        case _:
            print(json.dumps(run_async(lane(told.messages))))


def main() -> None:
    taking = parser(__doc__, 4000)
    taking.add_argument("ports", type=int, nargs="*", help=argparse.SUPPRESS)
    begin(taking.parse_args(), run_part, compare)


if __name__ == "__main__":
    main()
