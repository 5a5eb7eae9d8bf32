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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from providers import running_api
from sending import Channel, main
from sides import Taken, parser

if TYPE_CHECKING:
    from core.messages import OutboundMessage

SESSIONS = 8
TOKEN = "100001:a-benchmark"  # noqa: S105 - the fake server takes any
SCOPE = TOKEN.partition(":")[0]
LETTER = (
    "---\nbuttons:\n  - {label: 'Yes, tell me more', value: 'yes'}\n  - {label: 'No, thank you', value: 'no'}\n---\n"
    "Dear {{ customer.first_name | default('reader', true) }},\n\n"
    "two hundred new books have climbed the stairs to our shelves since your last parcel, and more than once we have "
    "thought: this one is for you. Shall Vera, who has looked after our shelves for eleven years, write to you?\n\n"
    "{{ brand.name }}, {{ brand.postal_address }}\n"
)


def people(number: int) -> Iterator[str]:
    """So many customers with a chat with our bot."""
    yield "id,first name,telegram,city"
    for n in range(number):
        yield f"{n},Reader{n},{1000 + n},Riga"


def settings(told: argparse.Namespace, port: int) -> Mapping[str, str]:
    """Ours, for the fake Bot API at ``port``, without Telegram's rates."""
    return {
        "OTKLIK_TELEGRAM_TOKEN": TOKEN, "OTKLIK_TELEGRAM_CLIENT": getattr(told, "client", "aiogram"),
        "OTKLIK_TELEGRAM_BASE_URL": f"http://127.0.0.1:{port}",
        "OTKLIK_TELEGRAM_MODE": "webhook",  # nothing comes in here, and nobody polls
        "OTKLIK_TELEGRAM_WEBHOOK_SECRET": "benchmark", "OTKLIK_TELEGRAM_SESSIONS": str(SESSIONS),
        "OTKLIK_TELEGRAM_RATE": "0", "OTKLIK_TELEGRAM_CHAT_RATE": "0",
    }  # fmt: skip


def finished(message: "OutboundMessage", _: Any) -> Iterable[dict[str, Any]]:
    """The fields of its calls."""
    from channels.telegram.rendering import render

    return [dict(call.fields) for call in render(message)]


async def bare(calls: Sequence[dict[str, Any]], port: int) -> Taken:
    """As many tasks as we have sessions, each sending its next message as soon as the last is taken."""
    from aiogram import Bot
    from aiogram.client.session.aiohttp import AiohttpSession
    from aiogram.client.telegram import TelegramAPIServer
    from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, MessageEntity

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


TELEGRAM = Channel(
    name="telegram", rival="bare aiogram", sessions=SESSIONS, template=("telegram.txt", LETTER), people=people,
    settings=settings, finished=finished, bare=bare, server=lambda _, port: running_api("telegram", port), scope=SCOPE,
)  # fmt: skip


if __name__ == "__main__":
    taking = parser(__doc__, 5000)
    taking.add_argument("--client", choices=("aiogram", "ptb"), default="aiogram", help="what our side sends by")
    main(__file__, TELEGRAM, taking.parse_args())
