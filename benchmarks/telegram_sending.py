"""Telegram messages a second through the whole service, beside a bare aiogram loop that sends the very same ones.

    python benchmarks/telegram_sending.py --messages 5000 --rounds 5

*Ours* is the whole service on uvloop, as ``otklik run`` runs it, with Telegram's rates off. The clock starts with
customers who are enrolled and due, and stops when every outcome is committed; their journeys then wait, as after any
message but the last. With ``--planned`` also a side whose messages stand planned already. *Bare* gets finished texts
and buttons in memory and calls ``Bot.send_message`` from as many tasks, once on asyncio's loop and once on uvloop.
Rounds alternate, each side in a process of its own, against the same fake server in one of its own; medians and
ratios are printed.
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
from pathlib import Path
from typing import Any

from botapi import serve
from emails import Stores, ours, plan, sides_of, tell_sides
from sides import Taken, begin, free_port, in_process, listening, parser

SESSIONS = 8
TOKEN = "100001:a-benchmark"  # noqa: S105 - the fake server takes any
CLAIM = 500
CAMPAIGN = (
    "campaign: letters\naudience: everyone\nstart: now\nsteps:\n  - {send: telegram, template: letter, wait: 30d}\n"
)
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
    """The fields that the planned store would send, for the bare side."""
    from campaigns.composing.composer import Composer
    from campaigns.composing.links import MessageLinks
    from campaigns.gates import DISPATCH_GATES
    from channels.telegram.rendering import render
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
def running_server(port: int, script: str = __file__, *more: str) -> Iterator[None]:
    """The fake Bot API in a process of its own: the server's part of ``script``, which is told ``more``."""
    command = [sys.executable, script, "--part", "server", "--port", str(port), *more]
    with listening(command, port):
        yield


def compare(folder: Path, told: argparse.Namespace) -> None:
    """Prepare, run the rounds, print the medians."""
    stores, port = Stores(folder, told.database), free_port()

    def run(part: str, url: str) -> Taken:
        settings = {
            "OTKLIK_DATABASE_URL": url, "OTKLIK_TELEGRAM_TOKEN": TOKEN, "OTKLIK_TELEGRAM_CLIENT": told.client,
            "OTKLIK_TELEGRAM_BASE_URL": f"http://127.0.0.1:{port}",
            "OTKLIK_TELEGRAM_MODE": "webhook",  # nothing comes in here, and nobody polls
            "OTKLIK_TELEGRAM_WEBHOOK_SECRET": "benchmark", "OTKLIK_TELEGRAM_SESSIONS": str(SESSIONS),
            "OTKLIK_TELEGRAM_RATE": "0", "OTKLIK_TELEGRAM_CHAT_RATE": "0",
        }  # fmt: skip
        return in_process(__file__, part, folder, told, port, settings)

    try:
        with running_server(port):
            stores.make()
            run("prepare", stores.prepared)
            run("plan", stores.fresh(name="planned"))
            run("dump", stores.fresh("planned"))
            print(f"{told.messages:,} messages, {SESSIONS} sessions, {stores.kind}, {told.client}", flush=True)
            taken = sides_of(told, stores, run)
    finally:
        stores.drop()
    tell_sides(taken, told, "bare aiogram")


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
    taking = parser(__doc__, 5000)
    taking.add_argument("--client", choices=("aiogram", "ptb"), default="aiogram", help="what our side sends by")
    begin(taking.parse_args(), run_part, compare)


if __name__ == "__main__":
    main()
