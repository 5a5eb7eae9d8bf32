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
import sys
from contextlib import suppress
from pathlib import Path

import telegram_sending
import twilio_sending
from providers import running_api
from sending import recorded
from sides import Taken, begin, free_port, in_process, listening, parser
from stores import Stores, plan, prepare, write_workspace
from telegram_sending import SESSIONS

KINDS = ("alone", "slow", "silent", "refusing")
SLOW_SECONDS = 10.0
CAMPAIGN = (
    "campaign: {name}\naudience: {audience}\nstart: now\nsteps:\n  - {{send: {channel}, template: letter, wait: 30d}}\n"
)


FILES = {
    "segments.yaml": "chats:\n  where: {field: city, in: [Riga]}\nphones:\n  where: {field: city, in: [Oslo]}\n",
    "campaigns/letters.yaml": CAMPAIGN.format(name="letters", audience="chats", channel="telegram"),
    "campaigns/texts.yaml": CAMPAIGN.format(name="texts", audience="phones", channel="sms"),
    "templates/letter/telegram.txt": telegram_sending.LETTER,
    "templates/letter/sms.txt": twilio_sending.LETTER,
}


async def make(folder: Path, url: str, messages: int) -> None:
    """A store with everything planned and nothing sent: letters by Telegram, a tenth as many by SMS."""
    chats = [f"c{n},Reader{n},{1000 + n},,Riga" for n in range(messages)]
    phones = [f"p{n},Reader{n},,+1202555{n:04d},Oslo" for n in range(messages // 10)]
    people = ["id,first name,telegram,phone,city", *chats, *phones]
    await prepare(write_workspace(folder, FILES), url, people, telegram_sending.SCOPE)
    await plan(url)


async def lane(url: str, messages: int) -> Taken:
    """From the service's start until the last Telegram outcome is committed."""
    from storage.store import Store

    async with await Store.open(url) as store:
        return await recorded(
            store, messages, lambda end: end.outcome.kind == "accepted" and ":" in end.outcome.provider_id
        )


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
        settings = {"OTKLIK_DATABASE_URL": url, **telegram_sending.settings(told, port)}
        if part in twilio:
            settings |= twilio_sending.settings(told, twilio[part])
        return in_process(__file__, part, folder, told, port, settings)

    command = [sys.executable, __file__, "--part", "server", str(twilio["slow"]), str(twilio["silent"])]
    taken: dict[str, list[Taken]] = {kind: [] for kind in KINDS}
    try:
        with running_api("telegram", port), listening(command, twilio["silent"]):
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
    await asyncio.gather(slow(ports[0], SLOW_SECONDS), slow(ports[1], None))


def run_part(told: argparse.Namespace) -> None:
    """What a process of its own does; its seconds go to standard output."""
    from otklik.running import configure_logs, run_async

    configure_logs("error")
    url = os.environ.get("OTKLIK_DATABASE_URL", "")
    match told.part:
        case "server":
            with suppress(asyncio.CancelledError):
                run_async(servers(told.ports))
        case "prepare":
            asyncio.run(make(told.folder, url, told.messages))
        case _:
            print(json.dumps(run_async(lane(url, told.messages))))


def main() -> None:
    taking = parser(__doc__, 4000)
    taking.add_argument("ports", type=int, nargs="*", help=argparse.SUPPRESS)
    begin(taking.parse_args(), run_part, compare)


if __name__ == "__main__":
    main()
