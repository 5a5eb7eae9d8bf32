"""Telegram messages a second through the whole service, beside a bare aiogram loop that sends the very same ones.

    python benchmarks/telegram_sending.py --messages 5000 --rounds 5

*Ours* is the whole service on uvloop, as ``otklik run`` runs it, with Telegram's rates off. The clock starts with
customers who are enrolled and due, and stops when every outcome is committed. *Bare* gets finished texts and buttons in
memory and calls ``Bot.send_message`` from as many tasks, once on asyncio's loop and once on uvloop. Rounds alternate,
each side in a process of its own, against the same fake server in one of its own; medians and ratios are printed.
"""

import argparse
import asyncio
import json
import os
import pickle
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from botapi import serve
from emails import ROOT, Stores, Taken, ours

SESSIONS = 8
TOKEN = "100001:a-benchmark"  # noqa: S105 - the fake server takes any
CLAIM = 500
CAMPAIGN = "campaign: letters\naudience: everyone\nstart: now\nsteps:\n  - {send: telegram, template: letter}\n"
LETTER = (
    "---\nbuttons:\n  - {label: 'Yes, tell me more', value: 'yes'}\n  - {label: 'No, thank you', value: 'no'}\n---\n"
    "Dear {{ customer.first_name | default('reader', true) }},\n\n"
    "two hundred new books have climbed the stairs to our shelves since your last parcel, and more than once we have "
    "thought: this one is for you. Shall Vera, who has looked after our shelves for eleven years, write to you?\n\n"
    "{{ brand.name }}, {{ brand.postal_address }}\n"
)


def write_workspace(folder: Path) -> Path:
    """One campaign of one message, in a zone where it is about noon, so that no run meets the end of sending hours."""
    offset = 12 - datetime.now(UTC).hour
    zone = f"Etc/GMT{-offset:+d}" if offset else "Etc/GMT"
    files = {
        "otklik.yaml": "brand: {name: Lantern Books, postal_address: 14 Harbour Lane, url: https://lantern.example.com}\n"
        f"zone: {zone}\nlocale: en\ncurrency: USD\n",
        "segments.yaml": "everyone:\n  where: {field: city, in: [Riga]}\n",
        "campaigns/letters.yaml": CAMPAIGN,
        "templates/letter/telegram.txt": LETTER,
    }
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
    lines = (f"{n},Reader{n},{1000 + n},Riga\n" for n in range(messages))
    people.write_text("id,first name,telegram,city\n" + "".join(lines))
    async with await Store.open(url) as store:
        await upgrade(store)
        grant = ConsentGrant("marketing", "a benchmark", "yes, write to me")
        scope = TOKEN.partition(":")[0]
        await import_customers(store, people, CustomerOptions(consent=grant, telegram_scope=scope))
        now = machine_now() - timedelta(seconds=1)
        await apply(store, load_workspace(write_workspace(folder)), Actor("operator", "benchmark"), now)
        entered = await Scheduler(store, SystemClock()).tick()
        assert entered == messages, f"{entered} entered"


async def dump(path: Path, messages: int) -> None:
    """The fields that the prepared store would send, for the bare side."""
    from campaigns.composing.composer import Composer
    from campaigns.composing.links import MessageLinks
    from campaigns.gates import DISPATCH_GATES
    from campaigns.running.runner import Runner
    from channels.telegram.rendering import render
    from core.clock import SystemClock
    from core.messages import OutboundMessage
    from core.wakeup import LocalWakeup
    from otklik.settings import load_settings
    from otklik.wiring import addresses
    from storage.outbox.outbox import Outbox
    from storage.store import Store

    configuration, clock = load_settings(None), SystemClock()
    calls: list[dict[str, Any]] = []
    async with await Store.open(configuration.settings.database_url) as store:
        runner = Runner(store, clock, LocalWakeup())
        while await runner.run_once():
            pass
        outbox = Outbox(store, clock, DISPATCH_GATES, worker="dump")
        composer = Composer(store, clock, MessageLinks(addresses(configuration)))
        while claims := await outbox.claim("telegram", CLAIM):
            for message in (await composer.compose(claims)).values():
                assert isinstance(message, OutboundMessage), message
                calls += [dict(call.fields) for call in render(message)]
    assert len(calls) == messages, f"{len(calls)} calls"
    path.write_bytes(pickle.dumps(calls))  # noqa: ASYNC240  nothing else runs here


async def bare(path: Path, port: int) -> Taken:
    """As many tasks as we have sessions, each sending its next message as soon as the last is taken."""
    from aiogram import Bot
    from aiogram.client.session.aiohttp import AiohttpSession
    from aiogram.client.telegram import TelegramAPIServer
    from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, MessageEntity

    calls = pickle.loads(path.read_bytes())  # noqa: ASYNC240, S301  written by this very benchmark
    for call in calls:
        rows = call.pop("reply_markup", {}).get("inline_keyboard", [])
        call["reply_markup"] = InlineKeyboardMarkup(
            inline_keyboard=[[InlineKeyboardButton(**button) for button in row] for row in rows]
        )
        call["entities"] = [MessageEntity(**entity) for entity in call.pop("entities", [])] or None
    left = iter(calls)
    server = TelegramAPIServer.from_base(f"http://127.0.0.1:{port}")
    bot = Bot(TOKEN, session=AiohttpSession(api=server))

    async def session() -> None:
        for call in left:
            await bot.send_message(**call)

    begun = Taken.now()
    await asyncio.gather(*(session() for _ in range(SESSIONS)))
    taken = begun.since()
    await bot.session.close()
    return taken


@contextmanager
def running_server(port: int) -> Iterator[None]:
    """The fake Bot API in a process of its own."""
    command = [sys.executable, __file__, "--part", "server", "--port", str(port)]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        try:
            deadline = time.monotonic() + 20
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    assert time.monotonic() < deadline, "the server does not listen"
                    assert process.poll() is None, "the server ended"
                    time.sleep(0.05)
            yield
        finally:
            process.terminate()


def in_process(folder: Path, part: str, url: str, told: argparse.Namespace, port: int) -> Taken:
    """Run one part in a process of its own; what it measured."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("OTKLIK_")},
        "PYTHONPATH": str(ROOT),
        "OTKLIK_DATABASE_URL": url,
        "OTKLIK_DATA_DIR": str(folder / "data"),
        "OTKLIK_SECRET": "a benchmark signs its links with this",
        "OTKLIK_LOG_LEVEL": "warning",
        "OTKLIK_TELEGRAM_TOKEN": TOKEN,
        "OTKLIK_TELEGRAM_CLIENT": told.client,
        "OTKLIK_TELEGRAM_BASE_URL": f"http://127.0.0.1:{port}",
        "OTKLIK_TELEGRAM_MODE": "webhook",  # nothing comes in here, and nobody polls
        "OTKLIK_TELEGRAM_WEBHOOK_SECRET": "benchmark",
        "OTKLIK_TELEGRAM_SESSIONS": str(SESSIONS),
        "OTKLIK_TELEGRAM_RATE": "0",
        "OTKLIK_TELEGRAM_CHAT_RATE": "0",
    }
    profiler = ["-m", "cProfile", "-o", told.profile] if told.profile and part == "ours" else []
    command = [sys.executable, *profiler, __file__, "--part", part, "--folder", str(folder), "--port", str(port)]
    done = subprocess.run(
        [*command, "--messages", str(told.messages)], env=environment, check=True, stdout=subprocess.PIPE, timeout=900
    )
    return Taken(*json.loads(done.stdout or b"[0, 0]"))


def compare(folder: Path, told: argparse.Namespace) -> None:
    """Prepare, run the rounds, print the medians."""
    stores = Stores(folder, told.database)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    taken: dict[str, list[Taken]] = {"ours": [], "bare": [], "bare-uvloop": []}
    try:
        with running_server(port):
            stores.make()
            in_process(folder, "prepare", stores.prepared, told, port)
            in_process(folder, "dump", stores.fresh(), told, port)
            print(f"{told.messages:,} messages, {SESSIONS} sessions, {stores.kind}, {told.client}", flush=True)
            for number in range(1, told.rounds + 1):
                for part, rounds in taken.items():
                    url = stores.fresh() if part == "ours" else stores.prepared
                    rounds.append(in_process(folder, part, url, told, port))
                rates = (f"{part} {told.messages / rounds[-1].seconds:,.0f}/s" for part, rounds in taken.items())
                print(f"round {number}: {'   '.join(rates)}", flush=True)
    finally:
        stores.drop()
    rate = {part: told.messages / statistics.median(one.seconds for one in rounds) for part, rounds in taken.items()}
    cpu = {part: 1000 * statistics.median(one.cpu for one in rounds) / told.messages for part, rounds in taken.items()}
    print(f"ours, end to end, on uvloop  {rate['ours']:>8,.0f}/s   {cpu['ours']:.2f} ms of CPU each")
    for part, loop in (("bare", "asyncio"), ("bare-uvloop", "uvloop")):
        words = f"{rate[part]:>8,.0f}/s   {cpu[part]:.2f} ms of CPU each"
        print(f"bare aiogram on {loop:<12} {words}   ratio {rate['ours'] / rate[part]:.2f}")


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
        case "ours":
            print(json.dumps(run_async(ours(told.messages))))
        case "bare":
            print(json.dumps(asyncio.run(bare(calls, told.port))))
        case "bare-uvloop":
            print(json.dumps(run_async(bare(calls, told.port))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--client", choices=("aiogram", "ptb"), default="aiogram", help="what our side sends by")
    parser.add_argument(
        "--database", default="", help="a PostgreSQL server's URL; databases are made and dropped there"
    )
    parser.add_argument("--profile", default="", help="write a cProfile of our side to this file")
    parser.add_argument("--part", default="", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, default=Path(), help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.part:
        run_part(told)
        return
    with tempfile.TemporaryDirectory(prefix="otklik-bench-") as name:
        compare(Path(name), told)


if __name__ == "__main__":
    main()
